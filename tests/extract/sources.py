"""Flat OpenDocument sources with a word planted in each hiding place: what LibreOffice makes all the files from."""

# ruff: noqa: E501 - markup

_SPACES = " ".join(
    f'xmlns:{short}="urn:oasis:names:tc:opendocument:xmlns:{name}:1.0"'
    for short, name in (
        ("office", "office"), ("text", "text"), ("table", "table"), ("style", "style"), ("draw", "drawing"),
        ("meta", "meta"), ("presentation", "presentation"), ("number", "datastyle"), ("script", "script"),
        ("fo", "xsl-fo-compatible"), ("svg", "svg-compatible"),
    )
)  # fmt: skip
_MORE = 'xmlns:xlink="http://www.w3.org/1999/xlink" xmlns:dc="http://purl.org/dc/elements/1.1/" office:version="1.2"'
_META = """<office:meta><dc:title>plantedtitle</dc:title><dc:subject>plantedsubject</dc:subject>
<meta:keyword>plantedkeyword</meta:keyword><dc:description>planteddescription</dc:description>
<meta:user-defined meta:name="Project">plantedproperty</meta:user-defined></office:meta>"""
_NOTE = "<office:annotation{}><dc:creator>Ann</dc:creator><dc:date>2026-03-04T10:00:00</dc:date><text:p>plantedcomment</text:p></office:annotation>"


def _document(kind: str, inside: str) -> str:
    mime = f'office:mimetype="application/vnd.oasis.opendocument.{kind}"'
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<office:document {_SPACES} {_MORE} {mime}>{_META}{inside}</office:document>'


TEXT = _document(
    "text",
    f"""
<office:automatic-styles>
<style:style style:name="Hid" style:family="text"><style:text-properties text:display="none"/></style:style>
<style:style style:name="Sec" style:family="section"/>
<style:page-layout style:name="L"><style:page-layout-properties fo:page-width="21cm" fo:page-height="29.7cm"/>
<style:header-style/><style:footer-style/></style:page-layout>
</office:automatic-styles>
<office:master-styles><style:master-page style:name="Standard" style:page-layout-name="L">
<style:header><text:p>plantedheader</text:p></style:header><style:footer><text:p>plantedfooter</text:p></style:footer>
</style:master-page></office:master-styles>
<office:body><office:text>
<text:tracked-changes><text:changed-region text:id="c1"><text:deletion><office:change-info><dc:creator>Ann</dc:creator>
<dc:date>2026-03-04T10:00:00</dc:date></office:change-info><text:p>planteddeleted and more</text:p></text:deletion>
</text:changed-region></text:tracked-changes>
<text:h text:outline-level="1">plantedheading</text:h>
<text:p>plantedbody plan<text:span>ted</text:span>split <text:span text:style-name="Hid">plantedhidden</text:span> zażółćgęślą
<text:a xlink:type="simple" xlink:href="https://plantedlink.example/">a link</text:a> {_NOTE.format("")}
<text:note text:note-class="footnote" text:id="f1"><text:note-citation>1</text:note-citation><text:note-body>
<text:p>plantedfootnote</text:p></text:note-body></text:note>
<text:note text:note-class="endnote" text:id="e1"><text:note-citation>i</text:note-citation><text:note-body>
<text:p>plantedendnote</text:p></text:note-body></text:note></text:p>
<text:p>before <text:change text:change-id="c1"/> after</text:p>
<text:section text:name="S" text:style-name="Sec" text:display="none"><text:p>plantedsection</text:p></text:section>
<table:table table:name="T"><table:table-column/><table:table-row><table:table-cell office:value-type="string">
<text:p>plantedcell</text:p></table:table-cell></table:table-row></table:table>
<text:p><draw:frame draw:name="B" text:anchor-type="paragraph" svg:width="5cm" svg:height="1cm"><draw:text-box>
<text:p>plantedbox</text:p></draw:text-box><svg:desc>plantedalternative</svg:desc></draw:frame></text:p>
</office:text></office:body>""",
)

SHEETS = _document(
    "spreadsheet",
    f"""
<office:automatic-styles>
<style:style style:name="Shown" style:family="table" style:master-page-name="Default"><style:table-properties table:display="true"/></style:style>
<style:style style:name="Gone" style:family="table" style:master-page-name="Default"><style:table-properties table:display="false"/></style:style>
<style:page-layout style:name="L"><style:page-layout-properties/><style:header-style/><style:footer-style/></style:page-layout>
</office:automatic-styles>
<office:master-styles><style:master-page style:name="Default" style:page-layout-name="L">
<style:header><text:p>plantedheader</text:p></style:header><style:footer><text:p>plantedfooter</text:p></style:footer>
</style:master-page></office:master-styles>
<office:body><office:spreadsheet>
<table:table table:name="plantedsheet" table:style-name="Shown"><table:shapes><draw:frame draw:name="B" svg:x="9cm" svg:y="1cm"
 svg:width="5cm" svg:height="1cm"><draw:text-box><text:p>plantedbox</text:p></draw:text-box></draw:frame></table:shapes>
<table:table-column table:number-columns-repeated="2"/><table:table-column table:visibility="collapse"/>
<table:table-row><table:table-cell office:value-type="string"><text:p>plantedcell</text:p></table:table-cell>
<table:table-cell office:value-type="string">{_NOTE.format("")}<text:p>noted</text:p></table:table-cell>
<table:table-cell office:value-type="string"><text:p>plantedcolumn</text:p></table:table-cell></table:table-row>
<table:table-row table:visibility="collapse"><table:table-cell office:value-type="string"><text:p>plantedrow</text:p>
</table:table-cell></table:table-row>
<table:table-row><table:table-cell table:formula="of:=LEN(&quot;plantedformula&quot;)" office:value-type="float" office:value="14">
<text:p>14</text:p></table:table-cell><table:table-cell office:value-type="float" office:value="4111111111111111">
<text:p>4111111111111111</text:p></table:table-cell></table:table-row>
</table:table>
<table:table table:name="Calculation" table:style-name="Gone"><table:table-column/><table:table-row>
<table:table-cell office:value-type="string"><text:p>plantedhidden</text:p></table:table-cell></table:table-row></table:table>
</office:spreadsheet></office:body>""",
)

SLIDES = _document(
    "presentation",
    f"""
<office:automatic-styles>
<style:page-layout style:name="L"><style:page-layout-properties fo:page-width="28cm" fo:page-height="21cm"/></style:page-layout>
<style:style style:name="Seen" style:family="drawing-page"><style:drawing-page-properties presentation:display-footer="true"/></style:style>
<style:style style:name="Gone" style:family="drawing-page"><style:drawing-page-properties presentation:visibility="hidden"/></style:style>
</office:automatic-styles>
<office:master-styles><style:master-page style:name="Default" style:page-layout-name="L"><draw:frame draw:layer="backgroundobjects"
 svg:x="1cm" svg:y="19cm" svg:width="9cm" svg:height="1cm"><draw:text-box><text:p>plantedmaster</text:p></draw:text-box></draw:frame>
</style:master-page></office:master-styles>
<office:body><office:presentation>
<draw:page draw:name="plantedslidename" draw:style-name="Seen" draw:master-page-name="Default">
{_NOTE.format(' svg:x="1cm" svg:y="1cm"')}
<draw:frame draw:name="A" svg:x="2cm" svg:y="2cm" svg:width="20cm" svg:height="3cm"><draw:text-box><text:p>plantedbody</text:p>
</draw:text-box><svg:desc>plantedalternative</svg:desc></draw:frame>
<draw:frame svg:x="2cm" svg:y="8cm" svg:width="20cm" svg:height="3cm"><table:table><table:table-column/><table:table-row>
<table:table-cell><text:p>plantedcell</text:p></table:table-cell></table:table-row></table:table></draw:frame>
<presentation:notes><draw:page-thumbnail draw:page-number="1"/><draw:frame presentation:class="notes" svg:x="2cm" svg:y="12cm"
 svg:width="16cm" svg:height="10cm"><draw:text-box><text:p>plantednotes</text:p></draw:text-box></draw:frame></presentation:notes>
</draw:page>
<draw:page draw:name="two" draw:style-name="Gone" draw:master-page-name="Default"><draw:frame svg:x="2cm" svg:y="2cm"
 svg:width="20cm" svg:height="3cm"><draw:text-box><text:p>plantedhidden</text:p></draw:text-box></draw:frame></draw:page>
</office:presentation></office:body>""",
)
