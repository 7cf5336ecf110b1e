import { render } from "preact";
import "./styles/app.css";
import { listenToKeys, showHiddenCharacters } from "./interface/index.js";
import { tellEndsOfJobs } from "./jobs/job-ends.js";
import { App } from "./shell/app.js";
import { followServer } from "./state/workspace.js";

const root = document.getElementById("app");
if (root !== null) {
  showHiddenCharacters();
  listenToKeys();
  followServer();
  tellEndsOfJobs();
  render(<App />, root);
}
