/**
 * The three networks of a latent diffusion model, as the pipeline sees them. Any object with these methods is a
 * part: it may run on one of our backends, on a server, or be ten lines of arithmetic in a test.
 *
 * @module
 */
import type { Noise } from "./noise.ts";
import type { DeviceTensor, Latent, Tensor } from "./tensor.ts";
import type { RunSizes } from "./told_sizes.ts";

/**
 * What the text encoder tells the UNet: named tensors of as many rows as there are pictures. A network takes them by
 * these names: `encoder_hidden_states` float32 `[rows, tokens, dim]`; `encoder_attention_mask`, 1 where a token may
 * be attended to and 0 where not, `[rows, tokens]` (all tokens when absent); and whatever else its family needs.
 */
export type Conditioning = Readonly<Record<string, Tensor>>;

/** One evaluation of the network in a step, by what it is told. */
export interface Pass {
  /** Its name for {@linkcode Guidance}: "unconditional", "conditional", … */
  readonly name: string;
  /** What the network is told; the entries of all passes of a call have equal shapes. */
  readonly conditioning: Conditioning;
}

/**
 * A pass whose output several passes make together, row by row: base + Σ weight · (term − base) (Liu et al. 2022,
 * "Compositional Visual Generation with Composable Diffusion Models", equation 11).
 */
export interface PassSum {
  /** The name under which {@linkcode Guidance} gets the sum. */
  readonly pass: string;
  /** Name of the pass that all terms are measured from. */
  readonly base: string;
  /** Names of the terms; one may be `pass` itself. A weight for each row. */
  readonly terms: readonly { readonly pass: string; readonly weights: readonly number[] }[];
}

/** Prompts as the network takes them. */
export interface Encoded {
  /** A pass for each name that was asked for, in that order, then further ones that {@linkcode sums} names. */
  readonly passes: readonly Pass[];
  /** Passes that are sums of others, for prompts that steer together. @default {[]} */
  readonly sums?: readonly PassSum[];
  /**
   * The passes at a step, for prompts that change on the way. The same list stands for the same conditioning: it is
   * bound to the network once.
   *
   * @param index Index of the step, from 0.
   */
  at?(index: number, steps: number): readonly Pass[];
}

/** What {@linkcode TextEncoder.encode} is asked for. */
export interface EncodeRequest {
  /** What to show, one a picture. */
  readonly prompts: readonly string[];
  /** What not to show, one a picture; absent where the user said nothing, which is not the same as `""` everywhere. */
  readonly negativePrompts?: readonly string[];
  /** What a second text encoder reads, where it is not the same, one a picture; see {@linkcode Model.takes}. */
  readonly prompts2?: readonly string[];
  /** Likewise what not to show. */
  readonly negativePrompts2?: readonly string[];
  /** Sizes that the network is told, where it is told any; see {@linkcode Model.takes}. */
  readonly sizes?: RunSizes;
  /** The passes that {@linkcode Guidance} asks for. */
  readonly passes: readonly string[];
  /** Pixels across, of the picture that is made. */
  readonly width: number;
  /** Pixels down. */
  readonly height: number;
  /**
   * How many of the last transformer layers to skip, 0 or more.
   * @default {0}
   */
  readonly clipSkip?: number;
  /**
   * `plain` takes prompts as they are and cuts them at the encoder's length, as diffusers does; `weighted` reads
   * A1111's `(word:1.2)`, `[from:to:when]`, `[a|b]`, `AND` and `BREAK`, and encodes long prompts in chunks.
   * @default {"plain"}
   */
  readonly syntax?: PromptSyntax;
  /** Number of steps of the run, for prompts that change on the way. @default {1} */
  readonly steps?: number;
  /** Called with a sentence when part of a prompt was left out. */
  readonly onWarning?: (message: string) => void;
}

/** How prompts are read, see {@linkcode EncodeRequest.syntax}. */
export type PromptSyntax = "plain" | "weighted";

/** Prompts to conditioning. */
export interface TextEncoder extends AsyncDisposable {
  /**
   * Encodes the prompts of a run, one row a picture in each pass.
   *
   * @throws {RangeError} If a pass is asked for that it does not know.
   */
  encode(request: EncodeRequest): Promise<Encoded>;
}

/** What a run needs of a network, known before it is loaded. */
export interface LoadNeeds {
  /** Largest sizes of a call: rows of the batch, and the latent's width and height. */
  readonly sizes: { readonly rows: number; readonly width: number; readonly height: number };
  /** Optional inputs that will be used. */
  readonly ports: {
    /** Places at which controls add {@linkcode Residuals}. */
    readonly residuals: readonly string[];
  };
}

/** What the pipeline must know of a UNet to call it. */
export interface UnetConfig {
  /** Channels of the `sample` input: the latent's, or 9 for inpainting models (latent + mask + masked latent). */
  readonly inChannels: number;
  /** Channels of the prediction, equal to the latent's. */
  readonly outChannels: number;
  /** Side of the training pictures in latent pixels (64 for 512 × 512 pictures). */
  readonly sampleSize: number;
  /** Width of the conditioning's last dimension. */
  readonly crossAttentionDim: number;
  /** Width of the guidance embedding of w-conditioned (guidance-distilled) networks; they take one pass a step. */
  readonly timeCondProjDim?: number;
}

/**
 * What a control adds inside the UNet, by the name of the place: `skip.0`, `skip.1`, … (the skip connections in
 * the order in which the encoder makes them), `mid`, and `down.0`, … (the end of each encoder level, seen by the
 * next level too).
 */
export type Residuals = Readonly<Record<string, Tensor | DeviceTensor>>;

/** Options of {@linkcode Unet.prepare}. */
export interface PrepareOptions {
  /** Channels appended to every latent, `[rows, inChannels - outChannels, h, w]`: mask and masked latent. */
  readonly concat?: Latent;
  /** Guidance scale for w-conditioned networks (see {@linkcode UnetConfig.timeCondProjDim}). */
  readonly guidanceScale?: number;
  /** Abandons predictions that are under way. */
  readonly signal?: AbortSignal;
}

/** A UNet: the prompt is bound once, then it predicts many times. */
export interface Unet extends AsyncDisposable {
  /** Shapes and kind. */
  readonly config: UnetConfig;
  /**
   * Loads what runs of this kind need, all at once. Without it, or where a run turns out to need more, the network is
   * loaded when it is first called.
   */
  load?(needs: LoadNeeds): Promise<void>;
  /** Binds a conditioning of R rows; the predictor then takes latents of R rows. */
  prepare(conditioning: Conditioning, options?: PrepareOptions): Promise<NoisePredictor>;
}

/** A UNet with its prompt. */
export interface NoisePredictor extends AsyncDisposable {
  /**
   * The raw network output (epsilon, v or x0, as the schedule's `predictionType` says), shape of the latent.
   *
   * @param timestep Position in the training schedule, 0 … T − 1; may be fractional.
   */
  predict(latent: Latent, timestep: number, residuals?: Residuals): Promise<Tensor>;
}

/** Options of {@linkcode Vae.encode}. */
export interface VaeEncodeOptions {
  /** Samples the posterior with this noise; without it the latent is the posterior's mode. */
  readonly noise?: Noise;
  /** How many rows to sample of one picture. @default {1} */
  readonly samples?: number;
}

/** Pictures to latents and back. Latents are scaled for the UNet on both sides. */
export interface Vae extends AsyncDisposable {
  /** Channels of the latent. */
  readonly latentChannels: number;
  /** Picture pixels per latent pixel, 8 in this family. */
  readonly scale: number;
  /** Encodes pixels `[rows, 3, height, width]` in −1 … 1 to latents. */
  encode(pixels: Tensor, options?: VaeEncodeOptions): Promise<Latent>;
  /** Decodes latents to pixels `[rows, 3, height, width]`, about −1 … 1, not clamped. */
  decode(latent: Latent): Promise<Tensor>;
}

/** What a control sees at every step. */
export interface ControlStep {
  /** The noisy latent that the UNet gets. */
  readonly latent: Latent;
  /** The timestep that the UNet gets. */
  readonly timestep: number;
  /** Index of the step, from 0, and their number: a window of steps is a fraction of these. */
  readonly index: number;
  /** Number of steps of the run. */
  readonly steps: number;
}

/** Options of {@linkcode Control.prepare}. */
export interface ControlOptions {
  /** How strongly it steers: 0 not at all, 1 as it was trained. @default {1} */
  readonly scale?: number;
  /**
   * The part of the run in which it steers, as fractions of the steps: step i of n is inside if
   * start ≤ i / n and (i + 1) / n ≤ end.
   * @default {[0, 1]}
   */
  readonly window?: readonly [start: number, end: number];
  /**
   * ControlNet's guess mode: the conditional rows alone are steered, and the more strongly the deeper the place
   * (from 0.1 to 1 times the scale). Other kinds of control have none.
   * @default {false}
   */
  readonly guessMode?: boolean;
  /** How many of the conditioning's first rows are unconditional; guess mode leaves them alone. @default {0} */
  readonly unconditionalRows?: number;
  /** Abandons the work on a picture that is under way. */
  readonly signal?: AbortSignal;
}

/** A control bound to its picture and prompt. */
export interface PreparedControl extends AsyncDisposable {
  /**
   * Residuals for this step; outside of the control's window only `base`, if any. They are valid until the next
   * call, or until the control is disposed.
   *
   * @param base What other controls gave for this step: theirs and this one's are added up.
   */
  residuals(step: ControlStep, base?: Residuals): Promise<Residuals | undefined>;
}

/** ControlNet, T2I-Adapter, plugin: steers the UNet by residuals computed from a picture. */
export interface Control extends AsyncDisposable {
  /** Where it adds residuals, if that is known: the UNet is then loaded with these ports at once. */
  readonly places?: readonly string[];
  /**
   * Binds a picture and the conditioning that the UNet was prepared with.
   *
   * @param pixels `[1, 3, height, width]` in 0 … 1, of the size of the result.
   * @throws {RangeError} If the picture or the conditioning does not fit the network.
   */
  prepare(pixels: Tensor, conditioning: Conditioning, options?: ControlOptions): Promise<PreparedControl>;
}
