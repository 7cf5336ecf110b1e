// Set-up files run anew for every test file of a process, what they import once.
import "./built-processes.js";
