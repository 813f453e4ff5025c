// What comes when the page stands already: what begins with somebody typing, dropping, trying or setting something.
import "./focus.js";
import "./trials.js";
import "./drafts.js";
import "./similar.js";
import "./returns.js";
import "./safety.js";
import "./files.js";
import "./canned.js";
import "./mentions.js";
import "./copy.js";
import "./filters.js";
import "./settings.js";
import "./search.js";
import "./palette.js";
import "./push.js";
import "./survey.js";
import "./tiles.js";
