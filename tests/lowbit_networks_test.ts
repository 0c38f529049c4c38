/** Networks in few bits, on the CPU. */
import { checkLowbitParts, checkLowbitUnet, lowbitUnets } from "./_lowbit_networks.ts";
import { cpuBackends } from "./_networks.ts";

/** The reference's own float32 is up to 3e-6 from its float64. Measured: up to 5e-6. */
const tolerance = 1e-4;

for (const backend of cpuBackends) {
  const place = { backend, tolerance };
  for (const file of Object.keys(lowbitUnets)) {
    Deno.test(`${backend.name}: ${file}`, () => checkLowbitUnet(place, file));
  }
  Deno.test(`${backend.name}: text encoder and decoder of one GGUF file`, () => checkLowbitParts(place));
}
