/*
 * Test only: Apple's entry points of the Objective-C runtime, on top of GCC's runtime and GNUstep's Foundation.
 *
 * GCC's runtime looks a method up and leaves the call to the compiler; Apple's has `objc_msgSend`, which does both.
 * Here it is lookup and jump: the argument registers are saved, the method is looked up, they are restored, and the
 * jump leaves the method with the caller's own stack frame. Pools and reference counts go to NSAutoreleasePool and
 * NSObject.
 *
 * On the way it checks what the bridge promises: a live receiver, and a pool around every message.
 */
#include "standin.h"
#include <objc/message.h>

#ifndef __x86_64__
#error "The shim is written for x86-64."
#endif

#define MAX_POOLS 64

static __thread id pools[MAX_POOLS];
static __thread int pool_count;

void standin_abort(const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  fputs("stand-in for Core ML: ", stderr);
  vfprintf(stderr, format, arguments);
  fputc('\n', stderr);
  va_end(arguments);
  abort();
}

/* Deallocated objects of the stand-in change to this class and are never freed, see counted.m. */
static int is_dead(id object) {
  static Class dead;
  if (!dead) dead = objc_getClass("StandinDeadObject");
  return object && object_getClass(object) == dead;
}

/* The method behind a message. Called by objc_msgSend below. */
__attribute__((used)) static IMP shim_lookup(id receiver, SEL selector) {
  if (pool_count == 0) standin_abort("message \"%s\" outside of a pool", sel_getName(selector));
  if (is_dead(receiver)) {
    standin_abort("message \"%s\" to a deallocated object", sel_getName(selector));
  }
  return objc_msg_lookup(receiver, selector);
}

/* rdi, rsi, rdx, rcx, r8, r9 and xmm0 to xmm7 carry arguments; rax counts vector arguments of variadic calls. */
__asm__(
  ".text\n"
  ".globl objc_msgSend\n"
  ".type objc_msgSend, @function\n"
  "objc_msgSend:\n"
  "  push %rbp\n"
  "  mov %rsp, %rbp\n"
  "  sub $0xC0, %rsp\n"
  "  mov %rdi, 0x00(%rsp)\n"
  "  mov %rsi, 0x08(%rsp)\n"
  "  mov %rdx, 0x10(%rsp)\n"
  "  mov %rcx, 0x18(%rsp)\n"
  "  mov %r8, 0x20(%rsp)\n"
  "  mov %r9, 0x28(%rsp)\n"
  "  mov %rax, 0x30(%rsp)\n"
  "  movaps %xmm0, 0x40(%rsp)\n"
  "  movaps %xmm1, 0x50(%rsp)\n"
  "  movaps %xmm2, 0x60(%rsp)\n"
  "  movaps %xmm3, 0x70(%rsp)\n"
  "  movaps %xmm4, 0x80(%rsp)\n"
  "  movaps %xmm5, 0x90(%rsp)\n"
  "  movaps %xmm6, 0xA0(%rsp)\n"
  "  movaps %xmm7, 0xB0(%rsp)\n"
  "  call shim_lookup\n"
  "  mov %rax, %r11\n"
  "  mov 0x00(%rsp), %rdi\n"
  "  mov 0x08(%rsp), %rsi\n"
  "  mov 0x10(%rsp), %rdx\n"
  "  mov 0x18(%rsp), %rcx\n"
  "  mov 0x20(%rsp), %r8\n"
  "  mov 0x28(%rsp), %r9\n"
  "  mov 0x30(%rsp), %rax\n"
  "  movaps 0x40(%rsp), %xmm0\n"
  "  movaps 0x50(%rsp), %xmm1\n"
  "  movaps 0x60(%rsp), %xmm2\n"
  "  movaps 0x70(%rsp), %xmm3\n"
  "  movaps 0x80(%rsp), %xmm4\n"
  "  movaps 0x90(%rsp), %xmm5\n"
  "  movaps 0xA0(%rsp), %xmm6\n"
  "  movaps 0xB0(%rsp), %xmm7\n"
  "  leave\n"
  "  jmp *%r11\n"
  ".size objc_msgSend, . - objc_msgSend\n");

/* Sends a message without arguments, as the compiler would. */
static id send(id receiver, const char *name) {
  SEL selector = sel_registerName(name);
  return ((id (*)(id, SEL))objc_msg_lookup(receiver, selector))(receiver, selector);
}

static id alive(id object, const char *what) {
  if (is_dead(object)) standin_abort("%s of a deallocated object", what);
  return object;
}

id objc_retain(id object) { return object ? send(alive(object, "retain"), "retain") : nil; }

id objc_autorelease(id object) {
  if (pool_count == 0) standin_abort("autorelease outside of a pool");
  return object ? send(alive(object, "autorelease"), "autorelease") : nil;
}

void objc_release(id object) {
  if (object) send(alive(object, "release"), "release");
}

void *objc_autoreleasePoolPush(void) {
  if (pool_count == MAX_POOLS) standin_abort("more than %d pools", MAX_POOLS);
  id pool = send(send((id)objc_getClass("NSAutoreleasePool"), "alloc"), "init");
  return pools[pool_count++] = pool;
}

void objc_autoreleasePoolPop(void *pool) {
  if (pool_count == 0 || pools[pool_count - 1] != pool) {
    standin_abort("a pool ended that is not the innermost of its thread");
  }
  pool_count--;
  send(pool, "release");
}
