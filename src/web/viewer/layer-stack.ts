import type OpenSeadragon from "openseadragon";
import type { LayerEntry, SlideDetail } from "../../contract/index.js";
import { paths } from "../api/index.js";
import type { LayerSetting } from "../routing/hash-link.js";
import { LayerTileSource } from "./layer-tile-source.js";

interface ShownLayer {
  readonly source: LayerTileSource;
  /** Null until OpenSeadragon has added it. */
  image: OpenSeadragon.TiledImage | null;
  opacity: number;
}

/** The overlays of a slide as images of OpenSeadragon, in the order of the slide's list. */
export class LayerStack {
  readonly #viewer: OpenSeadragon.Viewer;
  #slide: SlideDetail;
  #settings: readonly LayerSetting[] = [];
  readonly #shown = new Map<string, ShownLayer>();

  constructor(viewer: OpenSeadragon.Viewer, slide: SlideDetail) {
    this.#viewer = viewer;
    this.#slide = slide;
    viewer.world.addHandler("add-item", ({ item }) => this.#adopt(item));
    viewer.navigator?.world.addHandler("add-item", ({ item }) => {
      // As of a map that squares teach: the small map of the slide would have all of it computed.
      if (item.source instanceof LayerTileSource && item.source.isComputed) item.getDrawArea = () => false;
    });
  }

  /** Whether OpenSeadragon has not taken up a layer yet that is to be shown. */
  get isWaiting(): boolean {
    return [...this.#shown.values()].some(({ image }) => image === null);
  }

  /** Shows exactly these layers. */
  show(settings: readonly LayerSetting[]): void {
    this.#settings = settings;
    for (const [id, shown] of this.#shown) {
      if (!settings.some((setting) => setting.id === id)) this.#hide(id, shown);
    }
    for (const setting of settings) {
      const layer = this.#slide.layers.find(({ id }) => id === setting.id);
      if (layer !== undefined) this.#apply(layer, setting);
    }
  }

  /** The same slide with other layers. */
  update(slide: SlideDetail): void {
    this.#slide = slide;
    this.show(this.#settings.filter(({ id }) => slide.layers.some((layer) => layer.id === id)));
  }

  #hide(id: string, { image }: ShownLayer): void {
    this.#shown.delete(id);
    if (image !== null) this.#viewer.world.removeItem(image);
  }

  #apply(layer: LayerEntry, { opacity, map }: LayerSetting): void {
    const shown = this.#shown.get(layer.id);
    if (shown === undefined) {
      this.#add(layer, { opacity, map, id: layer.id });
      return;
    }
    shown.opacity = opacity;
    shown.image?.setOpacity(opacity);
    if (shown.source.map !== map) {
      shown.source.map = map;
      shown.image?.reset();
      this.#viewer.forceRedraw();
    }
  }

  #add(layer: LayerEntry, { opacity, map }: LayerSetting): void {
    const [finest] = layer.levels;
    const { size } = this.#slide;
    if (finest === undefined || size === null) return;
    const source = new LayerTileSource(layer, map, (level, column, row) =>
      paths.layerTile(this.#slide.id, layer.id, level, column, row),
    );
    const shown: ShownLayer = { source, image: null, opacity };
    this.#shown.set(layer.id, shown);
    this.#viewer.addTiledImage({
      tileSource: source,
      x: 0,
      y: 0,
      width: (finest.width * finest.downsample) / size.width,
      opacity,
    });
  }

  /** An image came into the world: it belongs to a layer, or to one that was hidden meanwhile, or is the slide. */
  #adopt(image: OpenSeadragon.TiledImage): void {
    if (!(image.source instanceof LayerTileSource)) return;
    const shown = [...this.#shown.values()].find(({ source }) => source === image.source);
    if (shown === undefined) {
      this.#viewer.world.removeItem(image);
      return;
    }
    shown.image = image;
    image.setOpacity(shown.opacity);
    this.#sort();
  }

  /** Earlier layers of the slide's list lie above later ones, in whatever order they came. */
  #sort(): void {
    const { world } = this.#viewer;
    const order = [...this.#slide.layers].reverse().flatMap(({ id }) => this.#shown.get(id)?.image ?? []);
    for (const [position, image] of order.entries()) world.setItemIndex(image, position + 1);
  }
}
