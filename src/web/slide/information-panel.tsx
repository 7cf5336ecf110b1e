import type { ComponentChildren } from "preact";
import type { SlideDetail } from "../../contract/index.js";
import { lengthText, withSeparators } from "../viewer/index.js";

/** What the slide's file tells. */
export function InformationPanel({ slide }: { readonly slide: SlideDetail }) {
  const { size, micronsPerPixel, levels } = slide;
  return (
    <div class="panel">
      <dl class="facts">
        <Fact title="File">{slide.name}</Fact>
        <Fact title="Format">{slide.format ?? "unknown"}</Fact>
        {size === null ? null : (
          <Fact title="Size">
            {withSeparators(size.width)} × {withSeparators(size.height)} px
            {micronsPerPixel === null
              ? ""
              : `, ${lengthText(size.width * micronsPerPixel.x)} × ${lengthText(size.height * micronsPerPixel.y)}`}
          </Fact>
        )}
        <Fact title="Resolution">
          {micronsPerPixel === null
            ? "not in the file: lengths are in pixels, and segmenting asks for it"
            : `${Number(micronsPerPixel.x.toPrecision(4))} × ${Number(micronsPerPixel.y.toPrecision(4))} µm/px`}
        </Fact>
        <Fact title="Objective">
          {slide.objectivePower === null ? "not in the file" : `${slide.objectivePower}×`}
        </Fact>
        {slide.associatedImages.length === 0 ? null : (
          <Fact title="Other pictures">{slide.associatedImages.join(", ")}</Fact>
        )}
      </dl>
      {slide.warnings.length === 0 ? null : (
        <>
          <h2>Warnings</h2>
          <ul class="warnings">
            {slide.warnings.map((warning) => (
              <li key={warning}>{warning}</li>
            ))}
          </ul>
        </>
      )}
      <h2>Levels</h2>
      <table class="figures">
        <thead>
          <tr>
            <th scope="col">Level</th>
            <th scope="col">Size</th>
            <th scope="col">1 :</th>
            <th scope="col">Tiles</th>
          </tr>
        </thead>
        <tbody>
          {levels.map((level, index) => (
            <tr key={level.downsample}>
              <th scope="row">{index}</th>
              <td>
                {withSeparators(level.width)} × {withSeparators(level.height)}
              </td>
              <td>{Number(level.downsample.toPrecision(5))}</td>
              <td>
                {level.tileWidth} × {level.tileHeight}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

/** A line of a list of facts. */
export function Fact({ title, children }: { readonly title: string; readonly children: ComponentChildren }) {
  return (
    <div>
      <dt>{title}</dt>
      <dd>{children}</dd>
    </div>
  );
}
