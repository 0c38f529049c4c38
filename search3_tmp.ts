import { readUnetConfig, type UnetArchitecture } from "./models/unet_config.ts";
import { unet } from "./models/unet.ts";
import { layerCosts, sumCosts } from "./graph/cost.ts";
const sizes = { rows: 1, height: 64, width: 64, tokens: 77 };
const base = (ch: number[]) => ({ in_channels: 8, out_channels: 8, block_out_channels: ch, cross_attention_dim: 768, time_embedding_dim: 1280,
 down_block_types: ["DownBlock2D","CrossAttnDownBlock2D","CrossAttnDownBlock2D"], up_block_types: ["CrossAttnUpBlock2D","CrossAttnUpBlock2D","UpBlock2D"],
 attention_head_dim: ch.map(c=>c/64), use_linear_projection: true, skip_connections: "level", mid_block_type: "MobileMidBlock2D", shared_key_value: true, feed_forward_activation: "swiglu", feed_forward_multiplier: 3, attention_activation: "relu", self_attention: [false,false,false] });
function arch(ch: number[], sep: boolean[], n: number[], ml: number, md: number, t: number[][]) {
  const [a,b,c,d,e,f] = n as any;
  const u: any = readUnetConfig({ ...base(ch), separable_convolutions: sep, layers_per_block: [a,b,Math.max(c,1)], up_layers_per_block: [d,e,f], mid_block_layers: ml, mid_block_transformer_layers: md });
  const L = (u.levels as any[]).map((l, i) => {
    const tr = (on: number[]) => on.map((x) => x ? { depth: 1, heads: ch[i]!/64, selfAttention: false } : undefined);
    return i === 0 ? l : i === 1 ? { ...l, down: tr(t[0]!), up: tr(t[3]!) } : { ...l, layers: c, down: tr(t[1]!), up: tr(t[2]!) };
  });
  return { ...u, levels: L } as UnetArchitecture;
}
function cost(u: UnetArchitecture) { const t = sumCosts(layerCosts(unet(u), sizes)); return [t.parameters/1e6, t.multiplyAdds/1e9, t.productMultiplyAdds/1e9]; }
const rows: any[] = [];
const subsets = (n: number): number[][] => n === 0 ? [[]] : subsets(n-1).flatMap((s) => [[...s,0],[...s,1]]);
for (const [name, ch, P, G, ml, md] of [["full",[320,640,1024],386,182,5,3],["lite",[320,640,896],278,153,4,3]] as const)
for (const sep of [[false,false,true],[false,true,true],[false,false,false]])
for (const a of [1,2,3]) for (const b of [1,2,3]) for (const c of [1,2]) for (const d of [0,1,2,3]) for (const e of [0,1,2,3]) {
 const f = 0; if (ml+a+b+c+d+e !== 11) continue;
 const seen = new Set();
 for (const tb of subsets(b)) for (const tc of subsets(c)) for (const td of subsets(d)) for (const te of subsets(e)) {
   const counts = [tb,tc,td,te].map(x=>x.reduce((s,v)=>s+v,0)); if (counts.reduce((s,v)=>s+v,0) !== 3) continue;
   const key = counts.join(); if (seen.has(key)) continue; seen.add(key);
   const [p,m,x] = cost(arch([...ch], sep, [a,b,c,d,e,f], ml, md, [tb,tc,td,te]));
   rows.push({ name, sep: sep.map(Number).join(""), layers: `${a}${b}${c}|${d}${e}${f}`, t: key, p: p!.toFixed(1), g: m!.toFixed(1), gx: (m!+x!).toFixed(1), err: Math.abs(Math.log(p!/P)) + Math.abs(Math.log((m!+x!)/G)) });
 }
}
for (const n of ["full","lite"]) { console.log(n); console.table(rows.filter(r=>r.name===n).sort((x,y)=>x.err-y.err).slice(0,24)); }
console.table(rows.filter(r=>r.layers==="111|210"||r.layers==="111|120"||r.layers==="211|020"));
