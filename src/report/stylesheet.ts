/** The report's style sheet: light, dark, narrow and printed; no font or picture from elsewhere. */
export const STYLESHEET = `
:root{color-scheme:light dark;--page:#f6f5f8;--card:#fff;--text:#1b1a22;--quiet:#565463;--rule:#d9d6e2;--grid:#e8e6ee;
--accent:#4035a0;--eosin:#b8327a;--good:#0b6b4a;--bad:#a8321a;--warn-page:#fdf3e1;--warn-rule:#c27c0e;--note-page:#ecebf8;
--s0:#4035a0;--s1:#b4430d;--s2:#0b6f66;--s3:#a61e6a;--s4:#695a00;--s5:#475569}
@media screen and (prefers-color-scheme:dark){:root{--page:#131218;--card:#1d1c25;--text:#eceaf3;--quiet:#aaa7b8;--rule:#3a3846;
--grid:#2c2a36;--accent:#a9a2ff;--eosin:#ff8fc0;--good:#5cd6a5;--bad:#ff9a80;--warn-page:#2e2415;--warn-rule:#e0a33c;--note-page:#23213a;
--s0:#a9a2ff;--s1:#ffa468;--s2:#5fd3c4;--s3:#ff8fc0;--s4:#e3cc55;--s5:#b4bfd0}}
*{box-sizing:border-box}
html{-webkit-text-size-adjust:100%;text-size-adjust:100%}
body{margin:0;background:var(--page);color:var(--text);font:16px/1.55 system-ui,-apple-system,"Segoe UI",Roboto,"Liberation Sans",sans-serif}
header.page,main,footer{max-width:76rem;margin:0 auto;padding:0 1.25rem}
header.page{padding-top:2.5rem;border-top:6px solid var(--accent);border-image:linear-gradient(90deg,var(--accent),var(--eosin)) 1;max-width:none}
header.page>*{max-width:73.5rem;margin-left:auto;margin-right:auto}
h1,h2{font-family:Charter,"Bitstream Charter","Iowan Old Style",Georgia,"Liberation Serif",serif;line-height:1.2;text-wrap:balance}
h1{font-size:clamp(1.7rem,4.5vw,2.5rem);margin-top:.1rem;margin-bottom:.35rem;overflow-wrap:anywhere}
h2{font-size:1.5rem;margin:0 0 .8rem}
h3{font-size:1rem;margin:0}
p{margin:0 0 1rem;max-width:60rem}
a{color:var(--accent)}
.kind{color:var(--eosin);font-weight:650;font-size:.85rem;letter-spacing:.04em;margin-bottom:0}
.byline{color:var(--quiet)}
nav ul{display:flex;flex-wrap:wrap;gap:.35rem 1.15rem;list-style:none;margin:0;padding:.7rem 0;border-top:1px solid var(--rule);border-bottom:1px solid var(--rule)}
nav a{text-decoration:none;font-weight:550}
nav a:hover{text-decoration:underline}
.skip{position:absolute;left:-99rem}
.skip:focus{left:1rem;top:1rem;background:var(--card);padding:.5rem 1rem}
:focus-visible{outline:3px solid var(--accent);outline-offset:2px}
section{padding-top:2.6rem}
.card{background:var(--card);border:1px solid var(--rule);border-radius:10px;padding:1rem 1.15rem;margin:0 0 1rem}
.scroll{overflow-x:auto}
.hidden{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%);white-space:nowrap}
.quiet,.footnote{color:var(--quiet)}
.footnote{font-size:.85rem;margin:.3rem 0}
p.missing,.absent,td.missing,.row-missing{color:var(--quiet);font-style:italic}
p.missing{border:1px dashed var(--rule);border-radius:10px;padding:.9rem 1.15rem;max-width:none}
code,pre{font-family:ui-monospace,"SF Mono",Menlo,Consolas,"Liberation Mono",monospace;font-size:.86em;overflow-wrap:anywhere}
pre{margin:.8rem 0 0;overflow:auto;max-height:32rem;line-height:1.45;white-space:pre-wrap}
.hash{word-break:break-all;color:var(--quiet)}
summary{cursor:pointer;font-weight:600}
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(11.5rem,1fr));gap:1rem;margin:0 0 1rem}
.tile{background:var(--card);border:1px solid var(--rule);border-radius:10px;padding:.8rem 1rem}
.tile dt{color:var(--quiet);font-size:.88rem}
.tile dd{margin:0}
.tile strong{display:block;font-size:1.65rem;line-height:1.3;font-variant-numeric:tabular-nums;letter-spacing:-.01em}
.tile span{color:var(--quiet);font-size:.85rem;line-height:1.4;display:block}
.remarks{border-left:4px solid;border-radius:0 10px 10px 0;padding:.8rem 1.15rem;margin:0 0 1rem}
.remarks ul{margin:.3rem 0 0;padding-left:1.15rem}
.remarks li{overflow-wrap:anywhere}
.warning{background:var(--warn-page);border-color:var(--warn-rule)}
.note{background:var(--note-page);border-color:var(--accent)}
.charts{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(21rem,100%),1fr));gap:1rem;align-items:start;margin-bottom:1rem}
.chart{margin:0;min-width:0}
.chart>svg{display:block;width:100%;height:auto;margin-top:.35rem;font-variant-numeric:tabular-nums}
.legend{display:flex;flex-wrap:wrap;gap:.1rem 1rem;list-style:none;margin:.35rem 0 0;padding:0;font-size:.88rem;color:var(--quiet)}
.legend li{display:flex;align-items:center;gap:.4rem}
.swatch{width:30px;height:10px;flex:none}
.grid{stroke:var(--grid);stroke-width:1}
.axis{stroke:var(--quiet);stroke-width:1}
.tick,.axis-title,.marker-label,.row-label,.row-value,.row-missing{font-size:12.5px;fill:var(--quiet)}
.axis-title{font-weight:600}
.row-label,.row-value{fill:var(--text);font-size:13px}
.row-value{font-weight:650}
.marker{stroke:var(--text);stroke-width:1.2;stroke-dasharray:2 3}
.marker-label{fill:var(--text);paint-order:stroke;stroke:var(--card);stroke-width:4px}
.line{fill:none;stroke:var(--c);stroke-width:2;stroke-linejoin:round;stroke-linecap:round}
.dot{fill:var(--c)}
.bar{fill:var(--c)}
.whisker{stroke:var(--s0);stroke-width:3;stroke-linecap:round;opacity:.4}
.series-0{--c:var(--s0)}.series-1{--c:var(--s1)}.series-2{--c:var(--s2)}.series-3{--c:var(--s3)}.series-4{--c:var(--s4)}.series-5{--c:var(--s5)}
.line.series-1{stroke-dasharray:7 4}.line.series-2{stroke-dasharray:2 4}.line.series-3{stroke-dasharray:9 3 2 3}.line.series-4{stroke-dasharray:4 3}.line.series-5{stroke-dasharray:12 4}
.values{margin-top:.6rem;font-size:.9rem}
.values summary{font-weight:500;color:var(--quiet)}
.values .scroll{max-height:20rem;overflow:auto;margin-top:.5rem}
table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums}
caption{text-align:left;color:var(--quiet);font-size:.88rem;padding-bottom:.5rem}
th,td{padding:.45rem .7rem;text-align:left;border-bottom:1px solid var(--grid);vertical-align:top}
thead th{border-bottom:1px solid var(--quiet);font-size:.9rem;vertical-align:bottom}
tbody tr:last-child>*{border-bottom:0}
tbody th{font-weight:600}
.numbers td,.numbers thead th:not(:first-child){text-align:right}
.stages td,.stages thead th:not(:first-child){text-align:right;white-space:nowrap}
.stages thead th:not(:first-child){white-space:normal}
.stages :is(td,thead th:not(:first-child)){padding-left:.3rem;padding-right:.3rem}
.stages td.missing{text-align:left;white-space:normal}
.stages tbody th{min-width:8.5rem;position:sticky;left:0;background:var(--card)}
.stages .value,.stages .interval,.stages .change{display:block}
.interval,.change{font-size:.82rem;color:var(--quiet)}
.best .value{font-weight:700;color:var(--accent)}
.better{color:var(--good)}.worse{color:var(--bad)}
abbr[title]{text-decoration:none}
.meanings{display:grid;grid-template-columns:max-content 1fr;gap:.2rem 1rem;margin:.6rem 0 0}
.meanings dt{font-weight:600}.meanings dd{margin:0}
.bar-cell{min-width:7rem;width:35%;vertical-align:middle}
.bar-cell svg{display:block;width:100%;height:10px}
.track{fill:var(--grid)}.fill{fill:var(--s0)}
.patch header{display:flex;flex-wrap:wrap;align-items:baseline;gap:.25rem .9rem;margin-bottom:.7rem}
.patch h3{overflow-wrap:anywhere}
.label{font-size:.85rem;border:1px solid var(--rule);border-radius:99px;padding:.05rem .7rem;color:var(--quiet)}
.measures{display:flex;flex-wrap:wrap;gap:.1rem 1.1rem;list-style:none;margin:0;padding:0;font-size:.88rem;color:var(--quiet);font-variant-numeric:tabular-nums}
.measures strong{color:var(--text)}
.panels{display:grid;grid-template-columns:repeat(auto-fit,minmax(9.5rem,1fr));gap:.7rem}
.panel{margin:0;min-width:0}
.panel img,.absent{display:block;width:100%;aspect-ratio:1;object-fit:contain;border-radius:6px;background:var(--grid)}
.absent{display:flex;align-items:center;justify-content:center;text-align:center;padding:.8rem;border:1px dashed var(--rule);background:none;font-size:.9rem}
.panel figcaption{font-size:.85rem;color:var(--quiet);margin-top:.3rem;line-height:1.35}
.facts{display:grid;grid-template-columns:minmax(7rem,max-content) 1fr;gap:.4rem 1.4rem;margin:0}
.facts dt{color:var(--quiet)}.facts dd{margin:0;min-width:0;overflow-wrap:anywhere}
.prose ul{margin:0;padding-left:1.15rem}.prose li{margin-bottom:.45rem;max-width:60rem}
footer{padding-top:2rem;padding-bottom:2.5rem;color:var(--quiet);font-size:.9rem}
@media (max-width:34rem){.panels{grid-template-columns:repeat(2,1fr)}.facts,.meanings{grid-template-columns:1fr;gap:.1rem}.facts dd,.meanings dd{margin-bottom:.6rem}
.tiles{grid-template-columns:repeat(2,1fr)}.tile strong{font-size:1.2rem;white-space:nowrap}table{font-size:.88rem}.card{padding:.8rem .85rem}th,td{padding:.4rem .35rem}.bar-cell{display:none}.numbers thead th:has(>.hidden){display:none}}
@media print{:root{--page:#fff}body{font-size:10.5pt}nav,.skip,.values{display:none}section{padding-top:1.4rem}.card,.tile,.chart,.remarks{break-inside:avoid}
h2,h3{break-after:avoid}.scroll{overflow:visible}.charts{grid-template-columns:repeat(2,1fr)}.panels{grid-template-columns:repeat(6,1fr)}
.stages{font-size:8pt}.stages th,.stages td{padding:.25rem .3rem}.line,.bar,.dot,.fill,.track,.remarks{print-color-adjust:exact;-webkit-print-color-adjust:exact}}
`;
