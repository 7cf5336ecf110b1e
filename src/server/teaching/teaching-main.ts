import { answerParent } from "../../common/index.js";
import { Teachers } from "./teachers.js";
import { teachingWorkSchema } from "./work.js";

/** The process behind `TeachingProcess`. */
const teachers = new Teachers();

answerParent(teachingWorkSchema, (work) => teachers.run(work));
