/*
 * Test only: MLMultiArray and what carries it, with every argument checked.
 */
#import "CoreML.h"
#include <string.h>

/* The Neural Engine pads rows; 32 elements are 64 bytes of half precision. */
#define ROW_ELEMENTS 32

static size_t element_size(MLMultiArrayDataType type) {
  switch (type) {
    case MLMultiArrayDataTypeFloat16: return 2;
    case MLMultiArrayDataTypeFloat32:
    case MLMultiArrayDataTypeInt32: return 4;
    case MLMultiArrayDataTypeDouble: return 8;
  }
  standin_abort("%ld is no data type of multi-arrays", (long)type);
}

MLMultiArrayDataType standin_data_type(NSString *name) {
  if ([name isEqual:@"float16"]) return MLMultiArrayDataTypeFloat16;
  if ([name isEqual:@"float32"]) return MLMultiArrayDataTypeFloat32;
  if ([name isEqual:@"float64"]) return MLMultiArrayDataTypeDouble;
  if ([name isEqual:@"int32"]) return MLMultiArrayDataTypeInt32;
  return (MLMultiArrayDataType)[name integerValue];
}

static void expect_numbers(NSArray *numbers, const char *what) {
  standin_expect(numbers, [NSArray class], what);
  if ([numbers count] == 0) standin_abort("%s is empty", what);
  for (NSNumber *number in numbers) {
    standin_expect(number, [NSNumber class], what);
    if ([number longLongValue] <= 0) standin_abort("%s has the number %lld", what, [number longLongValue]);
  }
}

/* A block, as clang lays it out. */
struct block {
  void *isa;
  int flags;
  int reserved;
  void (*invoke)(struct block *, void *);
};

@implementation MLMultiArray
@synthesize dataType = _dataType, shape = _shape, strides = _strides;

- (void)setShape:(NSArray *)shape strides:(NSArray *)strides dataType:(MLMultiArrayDataType)dataType {
  _dataType = dataType;
  _shape = [shape copy];
  _strides = [strides copy];
  _rank = [shape count];
  if (_rank > 8) standin_abort("%d dimensions", (int)_rank);
  for (NSInteger axis = 0; axis < _rank; axis++) {
    _sizes[axis] = [[shape objectAtIndex:axis] integerValue];
    _steps[axis] = [[strides objectAtIndex:axis] integerValue];
  }
}

- (instancetype)initWithDataPointer:(void *)dataPointer
                              shape:(NSArray *)shape
                           dataType:(MLMultiArrayDataType)dataType
                            strides:(NSArray *)strides
                        deallocator:(void *)deallocator
                              error:(NSError **)error {
  (void)error;
  expect_numbers(shape, "shape");
  expect_numbers(strides, "strides");
  if ([shape count] != [strides count]) standin_abort("%d dimensions, %d strides", (int)[shape count], (int)[strides count]);
  if (!dataPointer || (size_t)dataPointer % element_size(dataType)) standin_abort("data pointer %p", dataPointer);
  NSInteger inner = 1;
  for (NSInteger axis = [shape count] - 1; axis >= 0; axis--) {
    NSInteger stride = [[strides objectAtIndex:axis] integerValue];
    if (stride < inner) standin_abort("stride %ld of axis %ld overlaps", (long)stride, (long)axis);
    inner = stride * [[shape objectAtIndex:axis] integerValue];
  }
  if ((self = [super init])) {
    _bytes = dataPointer;
    _deallocator = deallocator;
    [self setShape:shape strides:strides dataType:dataType];
  }
  return self;
}

- (instancetype)initOutputWithShape:(NSArray *)shape dataType:(MLMultiArrayDataType)dataType padded:(BOOL)padded {
  NSMutableArray *strides = [NSMutableArray array];
  NSInteger stride = 1;
  for (NSInteger axis = [shape count] - 1; axis >= 0; axis--) {
    [strides insertObject:[NSNumber numberWithInteger:stride] atIndex:0];
    stride *= [[shape objectAtIndex:axis] integerValue];
    if (padded && axis == (NSInteger)[shape count] - 1) stride = (stride + ROW_ELEMENTS - 1) / ROW_ELEMENTS * ROW_ELEMENTS;
  }
  if ((self = [super init])) {
    size_t size = stride * element_size(dataType);
    _bytes = malloc(size);
    memset(_bytes, 0xFF, size); /* not a number, wherever nothing is put */
    _ours = YES;
    [self setShape:shape strides:strides dataType:dataType];
  }
  return self;
}

- (void)dealloc {
  struct block *deallocator = _deallocator;
  if (deallocator) deallocator->invoke(deallocator, _bytes);
  if (_ours) free(_bytes);
  [_shape release];
  [_strides release];
  [super dealloc];
}

- (void *)dataPointer {
  return _bytes;
}

- (NSInteger)count {
  NSInteger count = 1;
  for (NSInteger axis = 0; axis < _rank; axis++) count *= _sizes[axis];
  return count;
}

- (void *)element:(NSInteger)index {
  NSInteger offset = 0;
  for (NSInteger axis = _rank - 1; axis >= 0; axis--) {
    offset += index % _sizes[axis] * _steps[axis];
    index /= _sizes[axis];
  }
  return _bytes + offset * element_size(_dataType);
}

- (double)at:(NSInteger)index {
  void *element = [self element:index];
  switch (_dataType) {
    case MLMultiArrayDataTypeFloat16: return *(_Float16 *)element;
    case MLMultiArrayDataTypeFloat32: return *(float *)element;
    case MLMultiArrayDataTypeDouble: return *(double *)element;
    case MLMultiArrayDataTypeInt32: return *(int32_t *)element;
  }
  return 0;
}

- (void)put:(double)value at:(NSInteger)index {
  void *element = [self element:index];
  switch (_dataType) {
    case MLMultiArrayDataTypeFloat16: *(_Float16 *)element = value; break;
    case MLMultiArrayDataTypeFloat32: *(float *)element = value; break;
    case MLMultiArrayDataTypeDouble: *(double *)element = value; break;
    case MLMultiArrayDataTypeInt32: *(int32_t *)element = value; break;
  }
}
@end

@implementation MLFeatureValue
@synthesize multiArrayValue = _multiArrayValue;

+ (instancetype)featureValueWithMultiArray:(MLMultiArray *)value {
  standin_expect(value, [MLMultiArray class], "the feature value");
  MLFeatureValue *feature = [[[self alloc] init] autorelease];
  feature->_multiArrayValue = [value retain];
  return feature;
}

- (void)dealloc {
  [_multiArrayValue release];
  [super dealloc];
}
@end

@implementation MLDictionaryFeatureProvider
@synthesize dictionary = _dictionary;

- (instancetype)initWithDictionary:(NSDictionary *)dictionary error:(NSError **)error {
  (void)error;
  standin_expect(dictionary, [NSDictionary class], "the dictionary of features");
  for (NSString *name in dictionary) {
    standin_expect(name, [NSString class], "a feature name");
    standin_expect([dictionary objectForKey:name], [MLFeatureValue class], [name UTF8String]);
  }
  if ((self = [super init])) _dictionary = [dictionary copy];
  return self;
}

- (void)dealloc {
  [_dictionary release];
  [super dealloc];
}

- (NSSet *)featureNames {
  return [NSSet setWithArray:[_dictionary allKeys]];
}

- (MLFeatureValue *)featureValueForName:(NSString *)featureName {
  standin_expect(featureName, [NSString class], "the feature name");
  return [_dictionary objectForKey:featureName];
}
@end
