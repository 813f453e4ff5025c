// What every page begins with. Each behavior is a module of its own, found by a data- attribute; all of them listen on
// the document, so what arrives live needs no second start. What a first view can do without stands in later.js.
import "./phrases.js";
import "./current.js";
import "./rest.js";
import "./live.js";
import "./timers.js";
import "./due.js";
import "./pops.js";
import "./forms.js";
import "./work.js";
import "./grow.js";
import "./bulk.js";
import "./pane.js";
import "./tabs.js";
import "./menus.js";
import "./keys.js";
import "./scroll.js";
import "./notices.js";
import "./watching.js";
import "./bell.js";

performance.mark("desk:ready");
