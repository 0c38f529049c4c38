import { readUnetConfig } from "./models/unet_config.ts";
import { unet } from "./models/unet.ts";
import { layerCosts, sumCosts } from "./graph/cost.ts";
const sizes = { rows: 1, height: 64, width: 64, tokens: 77 };
function cost(c: Record<string, unknown>) { const t = sumCosts(layerCosts(unet(readUnetConfig(c)), sizes)); return [t.parameters/1e6, t.multiplyAdds/1e9, t.productMultiplyAdds/1e9]; }
const base = (ch: number[]) => ({ in_channels: 8, out_channels: 8, block_out_channels: ch, cross_attention_dim: 768, time_embedding_dim: 1280,
 down_block_types: ["DownBlock2D","CrossAttnDownBlock2D","CrossAttnDownBlock2D"], up_block_types: ["CrossAttnUpBlock2D","CrossAttnUpBlock2D","UpBlock2D"],
 attention_head_dim: ch.map(c=>c/64), use_linear_projection: true, skip_connections: "level", mid_block_type: "MobileMidBlock2D", shared_key_value: true, feed_forward_activation: "swiglu", feed_forward_multiplier: 3, attention_activation: "relu", self_attention: [false,false,false] });
console.log("sd15", cost({ block_out_channels: [320,640,1280,1280], cross_attention_dim: 768, attention_head_dim: 8, down_block_types: ["CrossAttnDownBlock2D","CrossAttnDownBlock2D","CrossAttnDownBlock2D","DownBlock2D"], up_block_types: ["UpBlock2D","CrossAttnUpBlock2D","CrossAttnUpBlock2D","CrossAttnUpBlock2D"] }));
const rows: any[] = [];
for (const [name, ch, P, G, mids] of [["full",[320,640,1024],386,182,[[5,3]]],["lite",[320,640,896],278,153,[[4,3],[6,2],[3,4]]]] as const)
for (const [ml, md] of mids)
for (const sep of [[false,false,true],[false,true,true],[false,false,false]])
for (const kv of [true,false]) for (const ff of [3,4])
for (const a of [1,2]) for (const b of [1,2]) for (const c of [1,2]) for (const d of [0,1,2]) for (const e of [0,1,2]) for (const f of [0]) {
 const total = ml + a+b+c+d+e+f; if (total !== 11) continue;
 try { const [p,m,x] = cost({ ...base([...ch]), separable_convolutions: sep, shared_key_value: kv, feed_forward_multiplier: ff, layers_per_block: [a,b,c], up_layers_per_block: [d,e,f], mid_block_layers: ml, mid_block_transformer_layers: md });
 rows.push({ name, mid: `${ml}x${md}`, sep: sep.map(Number).join(""), kv, ff, layers: `${a}${b}${c}|${d}${e}${f}`, ca: b+c+d+e, p: p!.toFixed(1), g: m!.toFixed(1), gx: (m!+x!).toFixed(1), err: Math.abs(Math.log(p!/P)) + Math.abs(Math.log((m!+x!)/G)) });
 } catch (err) { console.log(String(err)); }
}
for (const n of ["full","lite"]) { console.log(n); console.table(rows.filter(r=>r.name===n).sort((x,y)=>x.err-y.err).slice(0,25)); }
