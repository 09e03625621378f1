"use strict";
(() => {
  const root = document.documentElement;
  const css = (name) => getComputedStyle(root).getPropertyValue(name).trim();
  // figures name their colours by CSS variables, so they follow the theme
  const coloured = (value) => {
    if (typeof value === "string") {
      const match = /^var\((--[\w-]+)\)$/.exec(value);
      return match ? css(match[1]) : value;
    }
    if (Array.isArray(value)) {
      return typeof value[0] === "number" ? value : value.map(coloured);
    }
    if (value && typeof value === "object") {
      return Object.fromEntries(Object.entries(value).map(([k, v]) => [k, coloured(v)]));
    }
    return value;
  };

  const axis = (own) => {
    const title = { standoff: 10, font: { size: 13, color: css("--muted") }, ...own?.title };
    return {
      gridcolor: css("--rule"), zeroline: false, linecolor: css("--rule"), automargin: true,
      tickfont: { size: 12, color: css("--muted") }, nticks: 7, ...own, title,
    };
  };
  const draw = (figure) => {
    const plot = figure.querySelector(".plot");
    if (!window.Plotly || figure.hidden || !plot) return;
    const source = coloured(JSON.parse(figure.querySelector("script").textContent));
    const layout = {
      paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)",
      margin: { l: 56, r: 12, t: 30, b: 46 }, hovermode: "closest",
      font: { family: getComputedStyle(document.body).fontFamily, size: 13, color: css("--ink") },
      hoverlabel: { bgcolor: css("--card"), bordercolor: css("--rule"), font: { color: css("--ink") } },
      legend: { orientation: "h", x: 0, y: 1.02, yanchor: "bottom", font: { size: 12 } },
      ...source.layout, xaxis: axis(source.layout.xaxis), yaxis: axis(source.layout.yaxis),
    };
    Plotly.react(plot, source.data, layout, { displayModeBar: false, responsive: true });
  };
  const figures = [...document.querySelectorAll("figure:has(> .plot)")];
  const drawAll = () => figures.forEach(draw);

  document.querySelectorAll(".tabs button").forEach((button) => {
    button.addEventListener("click", () => {
      button.parentElement.querySelectorAll("button").forEach((other) => {
        const chosen = other === button;
        other.setAttribute("aria-selected", chosen);
        document.getElementById(other.dataset.shows).hidden = !chosen;
      });
      draw(document.getElementById(button.dataset.shows));
    });
  });

  const keyOf = (row, column) => {
    const cell = row.cells[column];
    return cell.dataset.value === undefined ? cell.textContent : Number(cell.dataset.value);
  };
  document.querySelectorAll("table.sortable").forEach((table) => {
    table.querySelectorAll("thead th").forEach((head, column, heads) => {
      head.firstChild.addEventListener("click", () => {
        const up = head.getAttribute("aria-sort") !== "ascending";
        heads.forEach((other) => other.setAttribute("aria-sort", "none"));
        head.setAttribute("aria-sort", up ? "ascending" : "descending");
        const body = table.tBodies[0];
        const rows = [...body.rows].map((row) => [keyOf(row, column), row]);
        rows.sort(([a], [b]) => {
          if (a === "" || b === "") return (a === "") - (b === ""); // gaps stay below
          const order = typeof a === "number" && typeof b === "number"
            ? a - b : String(a).localeCompare(String(b));
          return up ? order : -order;
        });
        body.append(...rows.map(([, row]) => row));
      });
    });
  });

  document.querySelectorAll(".copy").forEach((button) => {
    button.addEventListener("click", async () => {
      await navigator.clipboard?.writeText(button.parentElement.querySelector("code").textContent);
      button.textContent = "copied";
      setTimeout(() => { button.textContent = "copy"; }, 1500);
    });
  });

  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  document.getElementById("theme").addEventListener("click", () => {
    const now = root.dataset.theme || (dark.matches ? "dark" : "light");
    root.dataset.theme = now === "dark" ? "light" : "dark";
    drawAll();
  });
  dark.addEventListener("change", drawAll);
  drawAll();
})();
