/*
 * Test only: what the parts of the stand-in for Core ML share.
 */
#pragma once
#include <objc/runtime.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

/* Ends the process with a reason: the bridge did what the real framework would not survive. */
void standin_abort(const char *format, ...) __attribute__((noreturn, format(printf, 1, 2)));
