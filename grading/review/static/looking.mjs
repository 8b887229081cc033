// How files are shown.
export { openChanges } from "./viewers/changes.mjs";
export { openViewer } from "./viewers/open.mjs";
export { prefetch, renderingOf } from "./viewers/rendering.mjs";
