// The one script a page names. Each behavior is a module of its own, found by a data- attribute; all of them listen on
// the document, so what arrives live needs no second start.
import "./phrases.js";
import "./current.js";
import "./live.js";
import "./timers.js";
import "./due.js";
import "./pops.js";
import "./notes.js";
import "./forms.js";
import "./trials.js";
import "./drafts.js";
import "./similar.js";
import "./safety.js";
import "./files.js";
import "./canned.js";
import "./mentions.js";
import "./work.js";
import "./copy.js";
import "./grow.js";
import "./bulk.js";
import "./filters.js";
import "./settings.js";
import "./pane.js";
import "./tabs.js";
import "./menus.js";
import "./search.js";
import "./keys.js";
import "./scroll.js";
import "./notices.js";
import "./watching.js";
import "./here.js";
import "./palette.js";
import "./bell.js";
import "./push.js";
import "./survey.js";
import "./tiles.js";

performance.mark("desk:ready");
