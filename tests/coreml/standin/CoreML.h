/*
 * Test only: the part of Core ML's interface that the bridge uses, after Apple's documented headers, for a stand-in
 * on GNUstep's Foundation.
 */
#import <Foundation/Foundation.h>
#include "standin.h"

typedef NSInteger MLMultiArrayDataType;
enum {
  MLMultiArrayDataTypeDouble = 0x10000 | 64,
  MLMultiArrayDataTypeFloat32 = 0x10000 | 32,
  MLMultiArrayDataTypeFloat16 = 0x10000 | 16,
  MLMultiArrayDataTypeInt32 = 0x20000 | 32,
};

typedef NSInteger MLMultiArrayShapeConstraintType;
enum {
  MLMultiArrayShapeConstraintTypeUnspecified = 1,
  MLMultiArrayShapeConstraintTypeEnumerated = 2,
  MLMultiArrayShapeConstraintTypeRange = 3,
};

typedef NSInteger MLComputeUnits;
enum {
  MLComputeUnitsCPUOnly = 0,
  MLComputeUnitsCPUAndGPU = 1,
  MLComputeUnitsAll = 2,
  MLComputeUnitsCPUAndNeuralEngine = 3,
};

/* Every class of the stand-in is one of these: counted while it lives, never freed, and deaf once it is dead. */
@interface StandinObject : NSObject
@end

@interface MLMultiArray : StandinObject {
  char *_bytes;
  BOOL _ours;
  void *_deallocator;
  MLMultiArrayDataType _dataType;
  NSArray *_shape;
  NSArray *_strides;
  NSInteger _rank, _sizes[8], _steps[8];
}
@property (readonly, nonatomic) void *dataPointer;
@property (readonly, nonatomic) MLMultiArrayDataType dataType;
@property (readonly, nonatomic) NSArray *shape;
@property (readonly, nonatomic) NSArray *strides;
@property (readonly, nonatomic) NSInteger count;
- (instancetype)initWithDataPointer:(void *)dataPointer
                              shape:(NSArray *)shape
                           dataType:(MLMultiArrayDataType)dataType
                            strides:(NSArray *)strides
                        deallocator:(void *)deallocator
                              error:(NSError **)error;
/* The stand-in's own: an output, with rows padded as the Neural Engine pads them or not. */
- (instancetype)initOutputWithShape:(NSArray *)shape dataType:(MLMultiArrayDataType)dataType padded:(BOOL)padded;
/* Elements by row-major index, wherever the strides put them. */
- (double)at:(NSInteger)index;
- (void)put:(double)value at:(NSInteger)index;
@end

@interface MLFeatureValue : StandinObject {
  MLMultiArray *_multiArrayValue;
}
@property (readonly, nonatomic) MLMultiArray *multiArrayValue;
+ (instancetype)featureValueWithMultiArray:(MLMultiArray *)value;
@end

@protocol MLFeatureProvider
- (NSSet *)featureNames;
- (MLFeatureValue *)featureValueForName:(NSString *)featureName;
@end

@interface MLDictionaryFeatureProvider : StandinObject <MLFeatureProvider> {
  NSDictionary *_dictionary;
}
@property (readonly, nonatomic) NSDictionary *dictionary;
- (instancetype)initWithDictionary:(NSDictionary *)dictionary error:(NSError **)error;
@end

@interface MLMultiArrayShapeConstraint : StandinObject {
  MLMultiArrayShapeConstraintType _type;
  NSArray *_enumeratedShapes;
}
@property (readonly, nonatomic) MLMultiArrayShapeConstraintType type;
@property (readonly, nonatomic) NSArray *enumeratedShapes;
- (instancetype)initWithType:(MLMultiArrayShapeConstraintType)type shapes:(NSArray *)shapes;
@end

@interface MLMultiArrayConstraint : StandinObject {
  NSArray *_shape;
  MLMultiArrayDataType _dataType;
  MLMultiArrayShapeConstraint *_shapeConstraint;
}
@property (readonly, nonatomic) NSArray *shape;
@property (readonly, nonatomic) MLMultiArrayDataType dataType;
@property (readonly, nonatomic) MLMultiArrayShapeConstraint *shapeConstraint;
- (instancetype)initWithFeature:(NSDictionary *)feature output:(BOOL)output;
@end

@interface MLFeatureDescription : StandinObject {
  MLMultiArrayConstraint *_multiArrayConstraint;
}
@property (readonly, nonatomic) MLMultiArrayConstraint *multiArrayConstraint;
- (instancetype)initWithFeature:(NSDictionary *)feature output:(BOOL)output;
@end

@interface MLModelDescription : StandinObject {
  NSDictionary *_inputDescriptionsByName;
  NSDictionary *_outputDescriptionsByName;
}
@property (readonly, nonatomic) NSDictionary *inputDescriptionsByName;
@property (readonly, nonatomic) NSDictionary *outputDescriptionsByName;
- (instancetype)initWithModel:(NSDictionary *)model;
@end

@interface MLModelConfiguration : StandinObject {
  MLComputeUnits _computeUnits;
}
@property (readwrite, nonatomic) MLComputeUnits computeUnits;
@end

@interface MLModel : StandinObject {
  NSDictionary *_model;
  MLModelDescription *_modelDescription;
}
@property (readonly, nonatomic) MLModelDescription *modelDescription;
+ (NSURL *)compileModelAtURL:(NSURL *)modelURL error:(NSError **)error;
+ (instancetype)modelWithContentsOfURL:(NSURL *)url
                         configuration:(MLModelConfiguration *)configuration
                                 error:(NSError **)error;
- (id<MLFeatureProvider>)predictionFromFeatures:(id<MLFeatureProvider>)input error:(NSError **)error;
@end

/* Aborts unless an object is of a class: what the headers declare, checked. */
void standin_expect(id object, Class class, const char *what);

/* Fills an error parameter, which may be NULL, and gives nil. */
id standin_fail(NSError **error, NSString *words);

/* Computes a model's outputs from its inputs; false if there is no such function. */
BOOL standin_compute(NSString *function, NSDictionary *inputs, NSDictionary *outputs);

/* "float16" and so on to the constant. */
MLMultiArrayDataType standin_data_type(NSString *name);
