// The style sheet of a report's page.
// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace molmo::eval {

inline constexpr const char* kReportStyle = R"(
:root{color-scheme:light dark;--ink:#1d2330;--soft:#5c6578;--line:#dde2ea;--page:#fff;--card:#f6f7f9;--range:#f3b6cd;--model:#c2185b;
--hit:#15803d;--wrong:#c81e3a;--missed:#b45309;--plain:#1d4ed8;--c0:#c2185b;--c1:#1565c0;--c2:#b45309;--c3:#2e7d32;--c4:#7b1fa2}
@media (prefers-color-scheme:dark){:root{--ink:#e8ebf2;--soft:#a6afc0;--line:#343c4c;--page:#151922;--card:#1d2330;--range:#6d2a48;--model:#f48fb1;
--hit:#4ade80;--wrong:#fb7185;--missed:#fbbf24;--plain:#93c5fd;--c0:#f48fb1;--c1:#64b5f6;--c2:#ffb74d;--c3:#81c784;--c4:#ce93d8}}
*{box-sizing:border-box}
body{font:16px/1.5 system-ui,sans-serif;color:var(--ink);background:var(--page);max-width:66rem;margin:1.5rem auto;padding:0 1rem;overflow-wrap:anywhere}
h1{font-size:1.6rem;line-height:1.25;margin:0 0 .8rem}h2{font-size:1.2rem;margin:2.2rem 0 .6rem}h3{font-size:1rem;margin:1.6rem 0 .6rem}
h3 small{font-weight:400;color:var(--soft);margin-left:.4rem}p{max-width:46rem;color:var(--soft);font-size:.92rem}
dl{display:grid;grid-template-columns:max-content 1fr;gap:.1rem .9rem;margin:0}dt{color:var(--soft)}dd{margin:0}
details{margin-top:.6rem}summary{cursor:pointer;color:var(--soft)}details dl{margin-top:.4rem;font-size:.92rem}
.bar{background:linear-gradient(90deg,var(--model) var(--share),transparent 0) left bottom/100% 3px no-repeat}.labels{max-width:46rem}
.labels td.bar small{display:inline;margin-left:.3rem;font-size:.75rem}
table{border-collapse:collapse;width:100%}th{font-weight:400;color:var(--soft);font-size:.85rem}
th,td{text-align:right;padding:.45rem .6rem;border-bottom:1px solid var(--line);font-variant-numeric:tabular-nums;white-space:nowrap}
th:first-child,td:first-child{text-align:left;padding-left:0;white-space:normal}td small{display:block;color:var(--soft)}td b{font-size:1.1rem}
.scale{position:relative;height:.7rem;margin-top:.35rem;max-width:26rem;background:var(--card);border:1px solid var(--line);border-radius:.2rem}
.scale i{position:absolute;top:-1px;bottom:-1px}.scale .range{background:var(--range)}.scale .model{width:3px;margin-left:-1px;background:var(--model)}
.scale .base{width:0;border-left:2px dotted var(--soft)}
svg text{fill:var(--soft);font:12px system-ui,sans-serif}.middle{text-anchor:middle}.end{text-anchor:end}.grid{stroke:var(--line)}
.edge{stroke:var(--soft);stroke-dasharray:3 3}.wide,.narrow{width:100%;height:auto;display:block}.narrow{display:none}
.legend{list-style:none;display:flex;flex-wrap:wrap;gap:.2rem 1.2rem;padding:0;margin:.4rem 0;font-size:.9rem;color:var(--soft)}
.legend i{display:inline-block;width:.8rem;height:.8rem;border-radius:.15rem;margin-right:.4rem;vertical-align:-.05rem}.legend svg{width:1.1rem;height:1.1rem;vertical-align:-.2rem;margin-right:.3rem}
.gallery{display:grid;grid-template-columns:repeat(auto-fill,minmax(15rem,1fr));gap:1rem}
figure{margin:0;background:var(--card);border:1px solid var(--line);border-radius:.5rem;overflow:hidden;break-inside:avoid}
figure>svg{display:block;width:100%;height:13rem;background:#0002}figcaption{padding:.5rem .7rem .6rem;font-size:.88rem}
figcaption b{display:block}figcaption div{margin-top:.2rem}figcaption em{font-style:normal;color:var(--soft);margin-right:.4rem}
figure{border-bottom-width:3px}figure.right{border-bottom-color:var(--hit)}figure.bad{border-bottom-color:var(--wrong)}figure.part{border-bottom-color:var(--missed)}
.points{border-bottom:2px solid var(--plain)}span.right{color:var(--hit)}span.bad{color:var(--wrong)}span.part{color:var(--missed)}
.box{fill:none;stroke:#fff;stroke-opacity:.85}.mark{stroke:#fff}.hit{fill:#16a34a}.wrong{stroke:#e11d48;fill:none}.halo{stroke:#fff;fill:none}.missed{stroke:#f59e0b;fill:none}.plain{fill:#2563eb}
@media (max-width:40rem){.wide{display:none}.narrow{display:block}.gallery{grid-template-columns:1fr}figure>svg{height:auto;max-height:70vh}
.scores,.scores tbody{display:block}.scores thead{display:none}
.scores tr{display:flex;flex-wrap:wrap;align-items:baseline;gap:0 .5rem;justify-content:space-between;padding:.6rem 0;border-bottom:1px solid var(--line)}
.scores td{border:0;padding:0;text-align:left;font-size:.92rem}.scores td:first-child{flex-basis:100%;padding-bottom:.4rem;font-size:1rem}
.scores td::before{content:attr(data-label);display:block;color:var(--soft);font-size:.72rem}.scores td:first-child::before{content:none}
.labels td,.labels th{padding:.25rem .35rem}}
@media print{details{display:block}}
)";

}  // namespace molmo::eval
