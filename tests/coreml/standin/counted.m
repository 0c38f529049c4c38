/*
 * Test only: objects that are counted while they live, and that no later message can pass for alive.
 */
#import "CoreML.h"
#import <Foundation/NSDebug.h>

/* What a deallocated object becomes. Any message to it ends the process. */
__attribute__((objc_root_class))
@interface StandinDeadObject {
  Class isa;
}
@end

@implementation StandinDeadObject
- (id)retain { standin_abort("retain of a deallocated object"); }
- (oneway void)release { standin_abort("release of a deallocated object"); }
- (id)autorelease { standin_abort("autorelease of a deallocated object"); }
@end

static long live_objects;

@implementation StandinObject
+ (instancetype)allocWithZone:(NSZone *)zone {
  __atomic_add_fetch(&live_objects, 1, __ATOMIC_RELAXED);
  return [super allocWithZone:zone];
}

/* Not passed on to NSObject, which would free the memory and let another object take its place. */
- (void)dealloc {
  __atomic_sub_fetch(&live_objects, 1, __ATOMIC_RELAXED);
  object_setClass(self, objc_getClass("StandinDeadObject"));
  return;
  [super dealloc];
}
@end

/* Objects of the stand-in's own classes. */
long standin_live_objects(void) { return live_objects; }

/* Objects of Foundation: strings, numbers, arrays, dictionaries, URLs, pools. Counted from the first call on. */
long standin_live_foundation_objects(void) {
  GSDebugAllocationActive(YES);
  long count = 0;
  for (Class *class = GSDebugAllocationClassList(); *class; class++) {
    BOOL ours = NO;
    for (Class ancestor = *class; ancestor; ancestor = class_getSuperclass(ancestor)) {
      ours = ours || ancestor == [StandinObject class];
    }
    if (!ours) count += GSDebugAllocationCount(*class);
  }
  return count;
}

void standin_expect(id object, Class class, const char *what) {
  if (!object) standin_abort("%s is nil, expected %s", what, class_getName(class));
  if (![object isKindOfClass:class]) {
    standin_abort("%s is of class %s, expected %s", what, object_getClassName(object), class_getName(class));
  }
}

id standin_fail(NSError **error, NSString *words) {
  if (error) {
    *error = [NSError errorWithDomain:@"com.apple.CoreML"
                                 code:0
                             userInfo:[NSDictionary dictionaryWithObject:words forKey:NSLocalizedDescriptionKey]];
  }
  return nil;
}
