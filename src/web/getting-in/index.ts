export { AddButtons, GettingIn } from "./getting-in.js";
