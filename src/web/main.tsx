import { render } from "preact";
import "./styles/app.css";

const root = document.getElementById("app");
if (root !== null) render(<main>EP-SAM</main>, root);
