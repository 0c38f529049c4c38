/*
 * Test only: what the stand-in computes in place of networks, each in a line or two. _arithmetic.ts has the same in
 * TypeScript, and make_models.py the same as real Core ML models. All arithmetic is in double, in the order written,
 * and rounded once, when it is put.
 */
#import "CoreML.h"
#include <math.h>

static NSInteger size(MLMultiArray *array, NSInteger axis) {
  return [[array.shape objectAtIndex:axis] integerValue];
}

/* Number of elements of one row. */
static NSInteger row_size(MLMultiArray *array) {
  return array.count / size(array, 0);
}

static double mean_of_row(MLMultiArray *array, NSInteger row) {
  double sum = 0;
  for (NSInteger i = 0; i < row_size(array); i++) sum += [array at:row * row_size(array) + i];
  return sum / row_size(array);
}

/* What the prompt adds to a channel: a sum over tokens in which every place has a weight of its own. */
static double context(MLMultiArray *states, NSInteger row, NSInteger channel) {
  NSInteger dim = size(states, 1), tokens = size(states, 3);
  double sum = 0;
  for (NSInteger t = 0; t < tokens; t++) sum += [states at:(row * dim + channel) * tokens + t] * ((t + 1.0) / tokens);
  return sum / tokens;
}

static double residuals(NSDictionary *inputs, NSInteger row) {
  double sum = 0;
  for (NSInteger i = 0;; i++) {
    MLMultiArray *residual = [inputs objectForKey:[NSString stringWithFormat:@"additional_residual_%ld", (long)i]];
    if (!residual) return sum * 0.01;
    sum += mean_of_row(residual, row);
  }
}

static void text_encoder(NSDictionary *in, NSDictionary *out) {
  MLMultiArray *ids = [in objectForKey:@"input_ids"], *hidden = [out objectForKey:@"last_hidden_state"];
  MLMultiArray *pooled = [out objectForKey:@"pooled_outputs"];
  NSInteger tokens = size(hidden, 1), dim = size(hidden, 2);
  for (NSInteger t = 0; t < tokens; t++) {
    for (NSInteger d = 0; d < dim; d++) {
      double value = fmod([ids at:t] * (d + 1), 97) / 97 - 0.5;
      [hidden put:value at:t * dim + d];
      if (t == tokens - 1) [pooled put:value at:d];
    }
  }
}

static void unet(NSDictionary *in, NSDictionary *out) {
  MLMultiArray *sample = [in objectForKey:@"sample"], *noise = [out objectForKey:@"noise_pred"];
  MLMultiArray *timestep = [in objectForKey:@"timestep"], *states = [in objectForKey:@"encoder_hidden_states"];
  NSInteger channels = size(noise, 1), plane = row_size(noise) / channels;
  for (NSInteger row = 0; row < size(noise, 0); row++) {
    double shift = [timestep at:row] * 0.0001 + residuals(in, row);
    for (NSInteger c = 0; c < channels; c++) {
      double prompt = context(states, row, c) * 0.25;
      for (NSInteger i = 0; i < plane; i++) {
        double value = [sample at:row * row_size(sample) + c * plane + i] * 0.5;
        [noise put:value + shift + prompt at:(row * channels + c) * plane + i];
      }
    }
  }
}

static void unet_chunk1(NSDictionary *in, NSDictionary *out) {
  MLMultiArray *sample = [in objectForKey:@"sample"], *states = [in objectForKey:@"encoder_hidden_states"];
  MLMultiArray *hidden = [out objectForKey:@"hidden"], *prompt = [out objectForKey:@"prompt"];
  for (NSInteger i = 0; i < hidden.count; i++) [hidden put:[sample at:i] * 0.5 at:i];
  for (NSInteger i = 0; i < prompt.count; i++) {
    [prompt put:context(states, i / size(prompt, 1), i % size(prompt, 1)) * 0.25 at:i];
  }
}

/* Takes the outputs of the first chunk, and the timestep of the whole. */
static void unet_chunk2(NSDictionary *in, NSDictionary *out) {
  MLMultiArray *hidden = [in objectForKey:@"hidden"], *prompt = [in objectForKey:@"prompt"];
  MLMultiArray *timestep = [in objectForKey:@"timestep"], *noise = [out objectForKey:@"noise_pred"];
  NSInteger plane = size(noise, 2) * size(noise, 3);
  for (NSInteger i = 0; i < noise.count; i++) {
    double shift = [timestep at:i / row_size(noise)] * 0.0001 + residuals(in, i / row_size(noise));
    [noise put:[hidden at:i] + shift + [prompt at:i / plane] at:i];
  }
}

static void vae_decoder(NSDictionary *in, NSDictionary *out) {
  MLMultiArray *z = [in objectForKey:@"z"], *image = [out objectForKey:@"image"];
  NSInteger height = size(image, 2), width = size(image, 3), h = size(z, 2), w = size(z, 3);
  for (NSInteger i = 0; i < image.count; i++) {
    NSInteger c = i / (height * width), y = i / width % height, x = i % width;
    NSInteger place = y * h / height * w + x * w / width;
    [image put:[z at:c * h * w + place] * 0.25 * (c + 1) + [z at:3 * h * w + place] * 0.1 at:i];
  }
}

static void vae_encoder(NSDictionary *in, NSDictionary *out) {
  MLMultiArray *x = [in objectForKey:@"x"], *latent = [out objectForKey:@"latent"];
  NSInteger height = size(x, 2), width = size(x, 3), h = size(latent, 2), w = size(latent, 3);
  NSInteger scale = height / h, half = size(latent, 1) / 2;
  for (NSInteger i = 0; i < latent.count; i++) {
    NSInteger c = i / (h * w), py = i / w % h * scale, px = i % w * scale;
    double sum = 0;
    for (NSInteger j = 0; j < scale * scale; j++) {
      sum += [x at:(c % half % 3 * height + py + j / scale) * width + px + j % scale];
    }
    double mean = sum / (scale * scale);
    [latent put:c < half ? mean : mean * 0.1 - 2 at:i];
  }
}

static void controlnet(NSDictionary *in, NSDictionary *out) {
  MLMultiArray *sample = [in objectForKey:@"sample"], *picture = [in objectForKey:@"controlnet_cond"];
  MLMultiArray *timestep = [in objectForKey:@"timestep"];
  for (NSInteger row = 0; row < size(sample, 0); row++) {
    double seen = mean_of_row(picture, row) * 0.1, noisy = mean_of_row(sample, row) * 0.05;
    double time = [timestep at:row] * 0.0001;
    for (NSInteger n = 0; n < (NSInteger)[out count]; n++) {
      MLMultiArray *residual = [out objectForKey:[NSString stringWithFormat:@"additional_residual_%ld", (long)n]];
      for (NSInteger i = 0; i < row_size(residual); i++) {
        [residual put:seen * (n + 1) + noisy + time + i % 7 * 0.001 at:row * row_size(residual) + i];
      }
    }
  }
}

/* Every output is the input of the same name without its last character. */
static void copy(NSDictionary *in, NSDictionary *out) {
  for (NSString *name in out) {
    MLMultiArray *from = [in objectForKey:[name substringToIndex:[name length] - 1]], *to = [out objectForKey:name];
    for (NSInteger i = 0; i < to.count; i++) [to put:[from at:i] at:i];
  }
}

static void doubling(NSDictionary *in, NSDictionary *out) {
  MLMultiArray *x = [in objectForKey:@"x"], *y = [out objectForKey:@"y"];
  for (NSInteger i = 0; i < y.count; i++) [y put:[x at:i] * 2 + 1 at:i];
}

BOOL standin_compute(NSString *function, NSDictionary *inputs, NSDictionary *outputs) {
  static const struct {
    const char *name;
    void (*compute)(NSDictionary *, NSDictionary *);
  } functions[] = {
    {"text_encoder", text_encoder}, {"unet", unet}, {"unet_chunk1", unet_chunk1}, {"unet_chunk2", unet_chunk2},
    {"vae_decoder", vae_decoder}, {"vae_encoder", vae_encoder}, {"controlnet", controlnet}, {"copy", copy},
    {"doubling", doubling},
  };
  for (size_t i = 0; i < sizeof functions / sizeof *functions; i++) {
    if ([function isEqual:[NSString stringWithUTF8String:functions[i].name]]) {
      functions[i].compute(inputs, outputs);
      return YES;
    }
  }
  return NO;
}
