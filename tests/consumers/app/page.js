// In browsers: what `?backend=` asks for.
import { picture } from "./picture.js";

const out = document.getElementById("out");
const warnings = [];
const asked = new URL(location.href).searchParams;
try {
  const options = { onWarning: (message) => warnings.push(message) };
  const colours = await picture(asked.get("backend") ?? "default", options);
  out.textContent = JSON.stringify({ colours, warnings });
} catch (error) {
  out.textContent = JSON.stringify({ error: `${error.name}: ${error.message}`, warnings });
}
