#!/bin/sh
# Test only: builds the stand-in for Core ML and the shim for Apple's Objective-C runtime into build/.
# Needs gcc, gobjc and libgnustep-base-dev (Debian), on x86-64.
set -eu
cd "$(dirname "$0")"
mkdir -p build
target=build/libcoreml_standin.so
if [ -e "$target" ] && [ -z "$(find standin build.sh -newer "$target")" ]; then exit 0; fi
flags="-std=gnu17 -O1 -g -fPIC -shared -pthread -ffp-contract=off -Wall -Wextra"
objc="-isystem /usr/include/GNUstep -fexceptions -fobjc-exceptions -fconstant-string-class=NSConstantString
  -DGNUSTEP -DGNUSTEP_BASE_LIBRARY=1 -DGNU_RUNTIME=1 -D_NATIVE_OBJC_EXCEPTIONS"
# Classes cannot be unloaded, hence nodelete. Built beside and moved: a running test may have the old ones open.
link="-Wl,-z,nodelete -Wl,--no-as-needed -lgnustep-base -lobjc -lm"
new=$(mktemp -d build/new.XXXXXX)
trap 'rm -rf "$new"' EXIT
gcc $flags -Wl,-soname,libobjc_shim.so -o "$new/libobjc_shim.so" standin/objc_shim.c $link
gcc $flags $objc -Wl,-rpath,'$ORIGIN' -o "$new/libcoreml_standin.so" standin/*.m -L "$new" -lobjc_shim $link
mv "$new"/*.so build/
