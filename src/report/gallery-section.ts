import { EpSamError } from "../common/index.js";
import { type Html, html } from "./html.js";
import type { Gallery, GalleryEntry, GalleryPanel } from "./report-data.js";

const DATA_URI = /^data:image\/(?:png|jpeg|webp);base64,[A-Za-z0-9+/]+={0,2}$/;

/** Patches with their figures side by side. */
export function gallerySection(gallery: Gallery): Html {
  const body =
    gallery.entries.length === 0
      ? html`<p class="missing">No patches have been drawn for this run yet.</p>`
      : html`<p>${gallery.description}</p>${gallery.entries.map(galleryEntry)}`;
  return html`<section id="gallery"><h2>Gallery</h2>${body}</section>
`;
}

function galleryEntry(entry: GalleryEntry): Html {
  const measures = (entry.measures ?? []).map(
    (measure) => html`<li><span>${measure.name}</span> <strong>${measure.value}</strong></li>`,
  );
  const list = measures.length === 0 ? "" : html`<ul class="measures">${measures}</ul>`;
  return html`<article class="card patch">
  <header><h3>${entry.id}</h3><span class="label">${entry.label}</span>${list}</header>
  <div class="panels">${entry.panels.map((panel) => galleryPanel(entry.id, panel))}</div>
</article>
`;
}

function galleryPanel(id: string, panel: GalleryPanel): Html {
  const caption = html`<figcaption>${panel.caption}</figcaption>`;
  if ("missing" in panel) {
    return html`<figure class="panel"><div class="absent"><span>${panel.missing}</span></div>${caption}</figure>`;
  }
  if (!DATA_URI.test(panel.dataUri)) {
    throw new EpSamError("internal", {
      what: `the picture "${panel.caption}" of the report is not an embedded PNG, JPEG or WebP`,
      where: id,
      why: "a report must not load anything from elsewhere",
      action: "Please report this as a bug.",
    });
  }
  return html`<figure class="panel"><img src="${panel.dataUri}" alt="${panel.alt}" decoding="async">${caption}</figure>`;
}
