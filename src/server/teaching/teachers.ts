import { RecentlyUsed, silentReporter } from "../../common/index.js";
import { baseWhileClicking, openTeachingBase, SlideTeacher, suggestSquares } from "../../inference/index.js";
import { openSlide, type PixelSource } from "../../slides/index.js";
import type { Lesson, TeachingResults, TeachingWork } from "./work.js";

/** Slides and runs that are kept open, each with features of up to 400 MB: whoever looks at another and comes back. */
const KEPT = 2;

interface Opened {
  readonly source: PixelSource;
  readonly teacher: SlideTeacher;
}

/** Teachers of the slides that were taught with last. Everything here blocks its thread, so it runs in a process of its own. */
export class Teachers {
  readonly #opened = new RecentlyUsed<string, Opened>({
    limit: KEPT,
    onLeave: ({ source, teacher }) => void teacher.close().then(() => source.close()),
  });

  /** @throws EpSamError as the slide and the models do */
  async run(work: TeachingWork): Promise<TeachingResults[keyof TeachingResults]> {
    const { teacher, source } = await this.#open(work.lesson);
    switch (work.kind) {
      case "frame":
        return { pixelSize: teacher.geometry.pixelSize.x, mpp: teacher.geometry.mpp, extent: teacher.extent };
      case "prepare":
        await teacher.prepare(work.place, work.views);
        return null;
      case "prepare-squares":
        await teacher.prepareSquares(work.squares);
        return null;
      case "teach":
        await teacher.teach(work.squares);
        return null;
      case "map":
        return teacher.map(work.squares, work.place, work.views);
      case "suggest":
        return suggestSquares(teacher, source, work);
    }
  }

  #open(lesson: Lesson): Promise<Opened> {
    return this.#opened.load(JSON.stringify(lesson), async () => {
      const base = await baseWhileClicking(await openTeachingBase(lesson.run, { reporter: silentReporter }));
      const source = await openSlide(lesson.slide);
      try {
        return { source, teacher: new SlideTeacher(source, base) };
      } catch (failure) {
        await source.close();
        throw failure;
      }
    });
  }
}
