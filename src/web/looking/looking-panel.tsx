import type { Signal } from "@preact/signals";
import { Button, Choice, Slider } from "../interface/index.js";
import { isPlain, type Look, lookLimits, plainLook, stainNames } from "./look.js";

const STAIN_TITLES = {
  both: "as stained",
  haematoxylin: "haematoxylin alone",
  eosin: "eosin alone",
} as const;

/** How the slide itself is shown. */
export function LookingPanel({ look }: { readonly look: Signal<Look> }) {
  const change = (changed: Partial<Look>) => {
    look.value = { ...look.value, ...changed };
  };
  return (
    <details class="looking">
      <summary>Brightness, contrast, stains</summary>
      <div class="layer-controls">
        <Tone name="brightness" title="Brightness" look={look.value} change={change} />
        <Tone name="contrast" title="Contrast" look={look.value} change={change} />
        <Tone name="gamma" title="Gamma" look={look.value} change={change} />
        <Choice
          title="Stains"
          value={look.value.stain}
          choices={stainNames.map((name) => [name, STAIN_TITLES[name]] as const)}
          onChoose={(stain) => change({ stain })}
        />
        <p class="hint">Changes what is seen, not what is segmented, taught or measured.</p>
        <Button
          disabled={isPlain(look.value)}
          onClick={() => {
            look.value = plainLook;
          }}
        >
          As it is
        </Button>
      </div>
    </details>
  );
}

interface ToneProps {
  readonly name: keyof typeof lookLimits;
  readonly title: string;
  readonly look: Look;
  change(changed: Partial<Look>): void;
}

function Tone({ name, title, look, change }: ToneProps) {
  const { least, most, step } = lookLimits[name];
  const value = look[name];
  const text = name === "gamma" ? value.toFixed(2) : `${Math.round(value * 100)} %`;
  return (
    <Slider
      {...{ title, min: least, max: most, step, value, text }}
      onInput={(chosen) => change({ [name]: chosen })}
    />
  );
}
