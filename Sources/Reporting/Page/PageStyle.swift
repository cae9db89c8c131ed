/// How a page looks: light or dark as the reader has it, narrow and wide, and on paper.
enum PageStyle {
  static let text =
    """
    :root { color-scheme: light dark; \(variables(Plots.palette, dark: false)) }
    @media (prefers-color-scheme: dark) { :root { \(variables(Plots.darkPalette, dark: true)) } }
    \(series)
    * { box-sizing: border-box; }
    html { -webkit-text-size-adjust: 100%; }
    body { font: 16px/1.55 system-ui, sans-serif; color: var(--ink); background: var(--page);
      max-width: 68rem; margin: 0 auto; padding: 1.5rem 1rem 4rem; }
    a { color: var(--link); } a:focus-visible, button:focus-visible, summary:focus-visible, input:focus-visible,
    .scroll:focus-visible, .single:focus-visible, pre:focus-visible { outline: 2px solid var(--link); outline-offset: 2px; }
    .skip { position: absolute; left: -100rem; } .skip:focus { left: 1rem; top: .5rem; background: var(--page); }
    h1 { font-size: 1.7rem; line-height: 1.25; margin: .5rem 0 1rem; overflow-wrap: anywhere; }
    h2 { font-size: 1.35rem; line-height: 1.3; margin: 3rem 0 .5rem; overflow-wrap: anywhere; }
    .benchmark h2, #definitions h2, #provenance h2, #overview h2 { border-top: 1px solid var(--rule); padding-top: 1rem; }
    h3 { font-size: 1.08rem; margin: 2rem 0 .5rem; } h4 { font-size: .85rem; margin: .8rem 0 .2rem; }
    p { margin: .5rem 0; max-width: 48rem; overflow-wrap: break-word; } .lead, .finding { font-weight: 500; }
    .quiet, small, figcaption, cite { color: var(--quiet); } small { font-size: .82em; } cite { font-style: normal; }
    nav ul { padding-left: 1.2rem; max-width: 48rem; } nav li { margin: .3rem 0; }
    .scroll { overflow-x: auto; margin: 1.25rem 0 .25rem; }
    table { border-collapse: collapse; font-size: .88rem; line-height: 1.4; font-variant-numeric: tabular-nums; }
    caption { text-align: left; padding: 0 0 .4rem; }
    th, td { padding: .25rem .7rem .25rem 0; text-align: left; vertical-align: baseline; font-weight: normal; }
    thead { border-top: 2px solid var(--ink); border-bottom: 1px solid var(--ink); }
    tbody:last-of-type { border-bottom: 2px solid var(--ink); } thead th { vertical-align: bottom; font-weight: 600; }
    th[scope=colgroup] { border-bottom: 1px solid var(--rule); }
    tbody + tbody { border-top: 1px solid var(--rule); } .group th { font-weight: 600; padding-top: .6rem; }
    tbody th[scope=row] { min-width: 8rem; max-width: 22rem; overflow-wrap: break-word; }
    tbody th small { display: block; line-height: 1.3; } td { white-space: nowrap; } td small { white-space: nowrap; }
    td:last-child, th:last-child { padding-right: .2rem; }
    .facts { width: 100%; margin: 1.25rem 0; border-top: 1px solid var(--rule); } .facts caption { font-weight: 600; }
    .facts th { width: 13rem; min-width: 0; color: var(--quiet); } .facts tbody { border: 0 !important; }
    .facts td { white-space: normal; overflow-wrap: anywhere; }
    figure { margin: 1.5rem 0; } figcaption { margin-top: .4rem; max-width: 48rem; font-size: .9rem; }
    .panels { display: flex; flex-wrap: wrap; gap: 1rem; } .panel { min-width: 0; max-width: 100%; }
    @media (max-width: 40rem) { .single { overflow-x: auto; } .single svg { max-width: none; min-width: 30rem; } }
    @media (min-width: 60rem) { .panels .panel { max-width: calc(50% - .5rem); } }
    .panel-title { font-weight: 600; font-size: .9rem; margin: 0 0 .25rem; }
    .examples { display: flex; flex-wrap: wrap; gap: 1rem; } .example { margin: .5rem 0; width: 19rem; max-width: 100%; }
    .example div { display: flex; gap: .5rem; } .example img { width: 9rem; max-width: 48%; height: auto; image-rendering: auto; }
    svg { max-width: 100%; height: auto; display: block; }
    svg text { fill: var(--ink); font: 12px system-ui, sans-serif; }
    svg .quiet { fill: var(--quiet); } svg .rule { stroke: var(--rule); fill: none; }
    svg .hair { stroke: var(--ink); fill: none; }
    svg .cell { fill: #000; } svg .cell.dark { fill: #fff; } svg .strong { font-weight: 600; }
    dt { font-weight: 600; margin-top: .9rem; } dd { margin: .1rem 0 0; max-width: 48rem; }
    dt:target, dd:target, section:target > h2 { background: var(--mark); }
    details { margin: .25rem 0 1.25rem; } summary { cursor: pointer; color: var(--link); font-size: .88rem; }
    pre { overflow-x: auto; background: var(--mark); padding: .6rem; font-size: .8rem; line-height: 1.4; margin: 0; }
    button { font: inherit; color: var(--link); background: none; border: 0; padding: 0 .2rem; cursor: pointer; }
    .copy { border: 1px solid var(--rule); border-radius: 3px; padding: .1rem .6rem; font-size: .8rem; margin: .3rem 0; }
    .controls { font-size: .88rem; margin: 1rem 0 0; } .controls label { margin-right: 1rem; white-space: nowrap; }
    .controls input[type=search] { font: inherit; color: inherit; background: var(--page); border: 1px solid var(--quiet);
      border-radius: 3px; padding: .1rem .4rem; max-width: 100%; }
    fieldset { border: 1px solid var(--rule); border-radius: 3px; margin: 1rem 0; } .back { font-size: .88rem; }
    @media (min-width: 40rem) { tbody th[scope=row], thead th[data-c="0"] { position: sticky; left: 0;
      background: var(--page); } }
    @page { margin: 15mm; }
    @media print {
      :root { color-scheme: light; \(variables(Plots.palette, dark: false)) }
      body { font-size: 10pt; max-width: none; padding: 0; } a { color: inherit; text-decoration: none; }
      h2, h3, h4, caption, .panel-title, .finding, summary { break-after: avoid; page-break-after: avoid; }
      figure, tr, dt, .panel, pre { break-inside: avoid; page-break-inside: avoid; } dt { break-after: avoid; }
      table { break-inside: avoid; page-break-inside: avoid; } thead { display: table-header-group; }
      .facts { break-inside: auto; page-break-inside: auto; } p { orphans: 3; widows: 3; }
      .scroll, pre { overflow: visible; white-space: pre-wrap; } .scroll { white-space: normal; }
      .controls, .copy, .skip, .back, .paste, button { display: none; } h3 + p { break-after: avoid; }
      details::details-content { content-visibility: visible; display: block; height: auto; }
    }
    """

  private static func variables(_ palette: [String], dark: Bool) -> String {
    let colours = palette.enumerated().map { "--c\($0): \($1);" }.joined(separator: " ")
    return colours
      + (dark
        ? " --ink: #e6e8eb; --quiet: #a6afb9; --rule: #3a4048; --page: #15181c; --link: #8cbcf5; --mark: #222831;"
        : " --ink: #1b1f24; --quiet: #57606a; --rule: #d0d5dc; --page: #fff; --link: #0a58a8; --mark: #f2f4f7;")
  }

  /// The colours of lines and marks.
  private static let series = Plots.palette.indices.map {
    ".s\($0) { stroke: var(--c\($0)); } .f\($0) { fill: var(--c\($0)); }"
  }.joined(separator: " ")
}
