// Preloaded (`node --import`), it makes the built worker a later version of itself: see newer-build-hooks.mjs.
import { register } from "node:module";

register("./newer-build-hooks.mjs", import.meta.url, { data: process.env.NEWER_BUILD });
