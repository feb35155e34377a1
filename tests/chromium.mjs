// Starts Chromium for the scripts of tests: the one without a window, which takes less CPU, where it is installed.
import { existsSync } from "node:fs";
import { chromium } from "playwright-core";

const PROGRAMS = ["/usr/bin/chromium-headless-shell", "/usr/bin/chromium"];
const OPTIONS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"];

export const launch = (...options) =>
  chromium.launch({ executablePath: PROGRAMS.find(existsSync), args: [...OPTIONS, ...options] });
