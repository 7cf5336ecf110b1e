import { render } from "preact";
import "./styles/app.css";
import { listenToKeys } from "./interface/index.js";
import { App } from "./shell/app.js";
import { followServer } from "./state/workspace.js";

const root = document.getElementById("app");
if (root !== null) {
  listenToKeys();
  followServer();
  render(<App />, root);
}
