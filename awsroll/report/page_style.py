"""The style of the HTML report: light and dark, for screens and paper. It refers to nothing outside the page."""

STYLE = """
:root{color-scheme:light dark;--paper:#fff;--ink:#1b1f24;--soft:#57606a;--line:#d5dae0;--panel:#f6f8fa;
--old:#3b82c4;--new:#2f9e5b;--move:#e0a100;--arrive:#f2c94c;--reload:#9457c9;--kept:#8fb8de;--end:#a3abb4;
--fail:#d1362f;--skip:#c9ced4;--limit:#b3261e;--live:#57606a}
@media (prefers-color-scheme:dark){:root{--paper:#0f1318;--ink:#e6e9ed;--soft:#9aa4af;--line:#2c333b;--panel:#171c22;
--old:#5aa0e0;--new:#45b873;--move:#d99a16;--arrive:#f0cf63;--reload:#b485e0;--kept:#47698a;--end:#5b656f;
--fail:#f0655d;--skip:#3d454d;--limit:#ff8a80;--live:#aab4be}}
*{box-sizing:border-box}
body{margin:0;background:var(--paper);color:var(--ink);font:15px/1.5 system-ui,-apple-system,"Segoe UI",sans-serif}
main{max-width:1080px;margin:0 auto;padding:28px 20px 60px}
h1{font-size:24px;line-height:1.25;margin:0 0 4px;overflow-wrap:anywhere}
h2{font-size:17px;margin:36px 0 10px}
p{margin:6px 0 10px;max-width:80ch;overflow-wrap:anywhere}
.lead{font-size:17px}
.soft{color:var(--soft)}
.badge{display:inline-block;padding:2px 10px;border-radius:12px;font-size:13px;font-weight:600;color:#fff;
background:var(--soft);vertical-align:middle}
.badge.good{background:#23804a}.badge.bad{background:#b3261e}.badge.wait{background:#8a6200}
.facts{display:grid;grid-template-columns:repeat(auto-fit,minmax(210px,1fr));gap:10px;margin:18px 0}
.fact{background:var(--panel);border:1px solid var(--line);border-radius:8px;padding:10px 12px}
.fact b{display:block;font-size:18px;font-variant-numeric:tabular-nums;overflow-wrap:anywhere}
.fact span{color:var(--soft);font-size:13px}
.failure{border-left:4px solid var(--fail);background:var(--panel);padding:8px 14px;margin:10px 0;border-radius:4px}
.legend{display:flex;flex-wrap:wrap;gap:4px 16px;font-size:13px;color:var(--soft);margin:4px 0 8px}
.legend i{display:inline-block;width:11px;height:11px;border-radius:2px;margin-right:6px;vertical-align:-1px}
.legend i.stroke{height:0;border-top:2px solid;border-radius:0;vertical-align:3px;width:16px}
.wide{overflow-x:auto}.tall{max-height:75vh;overflow:auto;border:1px solid var(--line);border-radius:8px}
table{border-collapse:collapse;width:100%;font-size:14px}
th,td{text-align:left;padding:5px 10px;border-bottom:1px solid var(--line);vertical-align:top;overflow-wrap:anywhere}
th,td:first-child,td.number{overflow-wrap:normal}
th{color:var(--soft);font-weight:600}td.number{text-align:right;font-variant-numeric:tabular-nums}
summary{cursor:pointer;color:var(--soft);margin:8px 0}
code{font:13px/1.4 ui-monospace,SFMono-Regular,Menlo,Consolas,monospace}
svg{display:block;width:100%;height:auto}
svg text{fill:var(--soft);font:11px system-ui,sans-serif}
.grid{stroke:var(--line);fill:none}.gate{stroke:var(--soft);stroke-dasharray:2 3;fill:none}
.O{fill:var(--old)}.N{fill:var(--new)}.D{fill:var(--move)}.L,.V,.B{fill:var(--arrive)}.R{fill:var(--reload)}
.K{fill:var(--kept)}.T{fill:var(--end)}.F,.U{fill:var(--fail)}.S{fill:var(--skip)}
i.O{background:var(--old)}i.N{background:var(--new)}i.D{background:var(--move)}i.L,i.V,i.B{background:var(--arrive)}
i.R{background:var(--reload)}i.K{background:var(--kept)}i.T{background:var(--end)}i.F,i.U{background:var(--fail)}
i.S{background:var(--skip)}
.limit{stroke:var(--limit);stroke-width:1.6;stroke-dasharray:6 4;fill:none}.live{stroke:var(--live);fill:none}
.running{stroke:var(--live);stroke-dasharray:2 2;fill:none}
.legend i.limit{border-top:2px dashed var(--limit)}.legend i.live{border-top-color:var(--live)}
.legend i.running{border-top:2px dotted var(--live)}
@media print{.tall{max-height:none;overflow:visible}main{max-width:none}}
"""
