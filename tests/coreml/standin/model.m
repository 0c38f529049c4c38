/*
 * Test only: MLModel and its description. A model is a folder with a standin.json:
 *
 *   function   name of the function it computes, see functions.m
 *   inputs, outputs   by name: { shape, dtype, flexible?: true, image?: true, like?: the input whose shape it has }
 *   padded     whether rows of the outputs are padded
 *   unloadable, failing   words of the error that loading or prediction ends with
 *   delay      milliseconds that a prediction takes
 */
#import "CoreML.h"
#include <unistd.h>

static NSDictionary *read_model(NSString *folder) {
  NSData *json = [NSData dataWithContentsOfFile:[folder stringByAppendingPathComponent:@"standin.json"]];
  return json ? [NSJSONSerialization JSONObjectWithData:json options:0 error:NULL] : nil;
}

static NSString *sizes(NSArray *shape) {
  return [NSString stringWithFormat:@"(%@)", [shape componentsJoinedByString:@" x "]];
}

@implementation MLMultiArrayShapeConstraint
@synthesize type = _type, enumeratedShapes = _enumeratedShapes;

- (instancetype)initWithType:(MLMultiArrayShapeConstraintType)type shapes:(NSArray *)shapes {
  if ((self = [super init])) {
    _type = type;
    _enumeratedShapes = [shapes copy];
  }
  return self;
}

- (void)dealloc {
  [_enumeratedShapes release];
  [super dealloc];
}
@end

@implementation MLMultiArrayConstraint
@synthesize shape = _shape, dataType = _dataType, shapeConstraint = _shapeConstraint;

/* A fixed shape is an enumeration of one; outputs of ML programs often do not say their shape. */
- (instancetype)initWithFeature:(NSDictionary *)feature output:(BOOL)output {
  if ((self = [super init])) {
    _shape = output ? [NSArray new] : [[feature objectForKey:@"shape"] copy];
    _dataType = standin_data_type([feature objectForKey:@"dtype"]);
    BOOL flexible = [[feature objectForKey:@"flexible"] boolValue];
    MLMultiArrayShapeConstraintType type = output ? MLMultiArrayShapeConstraintTypeUnspecified
        : flexible ? MLMultiArrayShapeConstraintTypeRange : MLMultiArrayShapeConstraintTypeEnumerated;
    NSArray *shapes = output || flexible ? [NSArray array] : [NSArray arrayWithObject:_shape];
    _shapeConstraint = [[MLMultiArrayShapeConstraint alloc] initWithType:type shapes:shapes];
  }
  return self;
}

- (void)dealloc {
  [_shape release];
  [_shapeConstraint release];
  [super dealloc];
}
@end

@implementation MLFeatureDescription
@synthesize multiArrayConstraint = _multiArrayConstraint;

- (instancetype)initWithFeature:(NSDictionary *)feature output:(BOOL)output {
  if ((self = [super init]) && ![[feature objectForKey:@"image"] boolValue]) {
    _multiArrayConstraint = [[MLMultiArrayConstraint alloc] initWithFeature:feature output:output];
  }
  return self;
}

- (void)dealloc {
  [_multiArrayConstraint release];
  [super dealloc];
}
@end

@implementation MLModelDescription
@synthesize inputDescriptionsByName = _inputDescriptionsByName, outputDescriptionsByName = _outputDescriptionsByName;

static NSDictionary *describe(NSDictionary *features, BOOL output) {
  NSMutableDictionary *descriptions = [NSMutableDictionary new];
  for (NSString *name in features) {
    MLFeatureDescription *description = [MLFeatureDescription alloc];
    description = [description initWithFeature:[features objectForKey:name] output:output];
    [descriptions setObject:description forKey:name];
    [description release];
  }
  return descriptions;
}

- (instancetype)initWithModel:(NSDictionary *)model {
  if ((self = [super init])) {
    _inputDescriptionsByName = describe([model objectForKey:@"inputs"], NO);
    _outputDescriptionsByName = describe([model objectForKey:@"outputs"], YES);
  }
  return self;
}

- (void)dealloc {
  [_inputDescriptionsByName release];
  [_outputDescriptionsByName release];
  [super dealloc];
}
@end

@implementation MLModelConfiguration
- (void)setComputeUnits:(MLComputeUnits)computeUnits {
  if (computeUnits < 0 || computeUnits > 3) standin_abort("compute units %ld", (long)computeUnits);
  _computeUnits = computeUnits;
}

- (MLComputeUnits)computeUnits {
  return _computeUnits;
}
@end

@implementation MLModel
@synthesize modelDescription = _modelDescription;

+ (NSURL *)compileModelAtURL:(NSURL *)modelURL error:(NSError **)error {
  standin_expect(modelURL, [NSURL class], "the URL of the package");
  if (![modelURL isFileURL]) standin_abort("the URL of the package is no file URL");
  if (!read_model([modelURL path])) return standin_fail(error, @"Error reading protobuf spec. validator error: no model.");
  NSString *name = [NSString stringWithFormat:@"%@.mlmodelc", [[NSProcessInfo processInfo] globallyUniqueString]];
  NSString *compiled = [NSTemporaryDirectory() stringByAppendingPathComponent:name];
  if (![[NSFileManager defaultManager] copyItemAtPath:[modelURL path] toPath:compiled error:error]) return nil;
  return [NSURL fileURLWithPath:compiled];
}

+ (instancetype)modelWithContentsOfURL:(NSURL *)url
                         configuration:(MLModelConfiguration *)configuration
                                 error:(NSError **)error {
  standin_expect(url, [NSURL class], "the URL of the model");
  standin_expect(configuration, [MLModelConfiguration class], "the configuration");
  if (![url isFileURL]) standin_abort("the URL of the model is no file URL");
  NSDictionary *model = read_model([url path]);
  if (!model) {
    NSString *words = [NSString stringWithFormat:@"Unable to load model: %@/. Compile the model with Xcode or "
                                                 @"`MLModel.compileModel(at:)`.", [url path]];
    return standin_fail(error, words);
  }
  if ([model objectForKey:@"unloadable"]) return standin_fail(error, [model objectForKey:@"unloadable"]);
  MLModel *loaded = [[[self alloc] init] autorelease];
  loaded->_model = [model retain];
  loaded->_modelDescription = [[MLModelDescription alloc] initWithModel:model];
  return loaded;
}

- (void)dealloc {
  [_model release];
  [_modelDescription release];
  [super dealloc];
}

/* An input as the model declares it, or nil and an error in the framework's manner. */
- (MLMultiArray *)input:(NSString *)name of:(id<MLFeatureProvider>)features error:(NSError **)error {
  NSDictionary *declared = [[_model objectForKey:@"inputs"] objectForKey:name];
  MLMultiArray *array = [[features featureValueForName:name] multiArrayValue];
  if (!array) return standin_fail(error, [NSString stringWithFormat:@"Feature %@ is required but not specified.", name]);
  if (array.dataType != standin_data_type([declared objectForKey:@"dtype"])) {
    return standin_fail(error, [NSString stringWithFormat:@"MultiArray data type of feature %@ does not match.", name]);
  }
  if (![[declared objectForKey:@"flexible"] boolValue] && ![array.shape isEqual:[declared objectForKey:@"shape"]]) {
    NSString *words = [NSString stringWithFormat:@"MultiArray shape %@ does not match the shape %@ specified in the "
                                                 @"model description", sizes(array.shape),
                                                 sizes([declared objectForKey:@"shape"])];
    return standin_fail(error, words);
  }
  return array;
}

- (id<MLFeatureProvider>)predictionFromFeatures:(id<MLFeatureProvider>)input error:(NSError **)error {
  if (![(id)input conformsToProtocol:@protocol(MLFeatureProvider)]) standin_abort("the features are no feature provider");
  if ([_model objectForKey:@"failing"]) return standin_fail(error, [_model objectForKey:@"failing"]);
  usleep([[_model objectForKey:@"delay"] intValue] * 1000);
  NSMutableDictionary *inputs = [NSMutableDictionary dictionary];
  for (NSString *name in [_model objectForKey:@"inputs"]) {
    MLMultiArray *array = [self input:name of:input error:error];
    if (!array) return nil;
    [inputs setObject:array forKey:name];
  }
  NSMutableDictionary *outputs = [NSMutableDictionary dictionary];
  NSMutableDictionary *values = [NSMutableDictionary dictionary];
  for (NSString *name in [_model objectForKey:@"outputs"]) {
    NSDictionary *declared = [[_model objectForKey:@"outputs"] objectForKey:name];
    MLMultiArray *like = [inputs objectForKey:[declared objectForKey:@"like"]];
    MLMultiArray *array = [[MLMultiArray alloc] initOutputWithShape:like ? like.shape : [declared objectForKey:@"shape"]
                                                           dataType:standin_data_type([declared objectForKey:@"dtype"])
                                                             padded:[[_model objectForKey:@"padded"] boolValue]];
    [outputs setObject:array forKey:name];
    [values setObject:[MLFeatureValue featureValueWithMultiArray:array] forKey:name];
    [array release];
  }
  if (!standin_compute([_model objectForKey:@"function"], inputs, outputs)) {
    return standin_fail(error, @"Failed to build the model execution plan: unknown function.");
  }
  return [[[MLDictionaryFeatureProvider alloc] initWithDictionary:values error:error] autorelease];
}
@end
