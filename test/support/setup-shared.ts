// See setup.ts.
import "./shared-sessions.js";
