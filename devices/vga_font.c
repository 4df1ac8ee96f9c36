/* Our own font in code page 437's order, as text, for cells of 8 by 16, 14 and 8 dots. Letters are
 * drawn on a grid of 5 by 7 and two rows for descenders, a digit of base 32 for each row (leftmost
 * column 16), and stretched to the proportions of a PC's: upright strokes of two dots, capitals of
 * 10, 9 or 7 lines; programs that draw text in graphics modes count on it. Symbols are eight rows
 * in hexadecimal, each used once or twice. Accented letters are composed, line drawing characters
 * computed from their arms. */
#include "devices/vga.h"

#include <string.h>

#include "base/check.h"

/* How the grid fits a cell. Heights are scan lines of the grid's rows: usually, in characters with
 * descenders, in capital letters with an accent. */
struct size {
    u8 rows;
    u8 top;    /* scan line of the grid's first row */
    u8 centre; /* that of single horizontal lines; double ones are beside it */
    u8 below;  /* that of a cedilla */
    u8 above;  /* lines for the accent of a capital letter */
    u8 plain[9], descending[9], capital[9];
};

static const struct size sizes[] = {
    {16, 2, 7, 12, 2, {1, 2, 1, 1, 2, 2, 1}, {1, 2, 1, 1, 2, 2, 1, 2, 1}, {1, 2, 1, 1, 2, 2, 1}},
    {14, 2, 6, 11, 2, {1, 2, 1, 1, 1, 2, 1}, {1, 2, 1, 1, 1, 2, 1, 2, 1}, {1, 2, 1, 1, 1, 2, 1}},
    {8, 0, 3, 7, 1, {1, 1, 1, 1, 1, 1, 1}, {1, 0, 1, 1, 1, 1, 1, 1, 1}, {1, 0, 1, 1, 1, 1, 1}},
};

/* 20h to 7Fh */
static const char *const ascii[96] = {
    "0",         "4444404",   "aaa",     "aavavaa",   "4fke5u4",   "op248j3",   "cik8lid",
    "c48",       "2488842",   "8422248", "04lel4",    "044v44",    "00000cc48", "000v",
    "00000cc",   "01248g",    "ehjlphe", "4c4444e",   "eh1248v",   "v2421he",   "26aiv22",
    "vgu11he",   "68guhhe",   "v124888", "ehhehhe",   "ehhf12c",   "0cc0cc",    "0cc0c48",
    "248g842",   "00v0v",     "8421248", "eh12404",   "ehnlngf",   "ehhvhhh",   "uhhuhhu",
    "ehggghe",   "sihhhis",   "vgguggv", "vgguggg",   "ehgnhhf",   "hhhvhhh",   "e44444e",
    "72222ic",   "hikokih",   "ggggggv", "hrllhhh",   "hhpljhh",   "ehhhhhe",   "uhhuggg",
    "ehhhlid",   "uhhukih",   "fgge11u", "v444444",   "hhhhhhe",   "hhhhha4",   "hhhllla",
    "hha4ahh",   "hhha444",   "v1248gv", "e88888e",   "0g8421",    "e22222e",   "4ah",
    "00000000v", "842",       "00e1fhf", "ggmphhu",   "00egghe",   "11djhhf",   "00ehvge",
    "698s888",   "00fhhhf1e", "ggmphhh", "40c444e",   "2062222ic", "ggikoki",   "c44444e",
    "00qllll",   "00mphhh",   "00ehhhe", "00uhhhugg", "00fhhhf11", "00mpggg",   "00fge1u",
    "88s8896",   "00hhhjd",   "00hhha4", "00hhlla",   "00ha4ah",   "00hhhhf1e", "00v248v",
    "2448442",   "4444444",   "8442448", "008l2",     "004ahhv",
};

struct glyph {
    u8 code;
    const char *rows;
};

static const struct glyph others[] = {
    {0x91, "00q5fkf"}, {0x92, "fkkukkn"},   {0x9b, "04fkkf4"},   {0x9c, "698s88v"},
    {0x9d, "hav4v44"}, {0x9e, "sisinih"},   {0x9f, "344e4444o"}, {0xa6, "c2eie0u"},
    {0xa7, "ciic0u"},  {0xa8, "4048ghe"},   {0xa9, "000vgg"},    {0xaa, "000v11"},
    {0xab, "hi4bh27"}, {0xac, "hi49j71"},   {0xad, "4044444"},   {0xae, "005aka5"},
    {0xaf, "00ka5ak"}, {0xe0, "00diiid"},   {0xe1, "ciikihm"},   {0xe2, "vgggggg"},
    {0xe3, "00vaaaa"}, {0xe4, "vg848gv"},   {0xe5, "00fiiic"},   {0xe6, "00hhhjtgg"},
    {0xe7, "00v4442"}, {0xe8, "e4ele4e"},   {0xe9, "ehhvhhe"},   {0xea, "ehhhaar"},
    {0xeb, "684ehhe"}, {0xec, "00alla"},    {0xed, "01ejlpe"},   {0xee, "78gug87"},
    {0xef, "0ehhhhh"}, {0xf0, "0v0v0v"},    {0xf1, "44v440v"},   {0xf2, "842480v"},
    {0xf3, "248420v"}, {0xf4, "254444444"}, {0xf5, "4444444k8"}, {0xf6, "040v04"},
    {0xf7, "08l28l2"}, {0xf8, "4a4"},       {0xf9, "000cc"},     {0xfa, "0004"},
    {0xfb, "3222ia4"}, {0xfc, "siii"},      {0xfd, "o48s"},      {0xfe, "00vvvv"},
};

/* 01h to 1Fh */
static const char *const symbols[31] = {
    "3c42a581a599423c", "3c7edbffdbe77e3c", "0066ffff7e3c1800", "00183c7e7e3c1800",
    "183c1866ff66183c", "183c7effff5a183c", "0000183c3c180000", "ffffe7c3c3e7ffff",
    "003c664242663c00", "ffc399bdbd99c3ff", "0703053844444438", "3c4242423c187e18",
    "0c0e0b0808387830", "3f213f212163e742", "185a24c3c3245a18", "4060787e7e786040",
    "02061e7e7e1e0602", "183c5a18185a3c18", "2424242424002424", "3e7a7a3a0a0a0a0a",
    "3c40384444380478", "00000000007e7e00", "183c5a185a3c187e", "183c5a1818181818",
    "18181818185a3c18", "00080cfefe0c0800", "0010307f7f301000", "00004040407e0000",
    "002466ffff662400", "00101038387cfe00", "00fe7c3838101000",
};

/* Letters with something above, two rows of the grid, or (cedilla) below. */
enum accent { ACUTE, GRAVE, CIRCUMFLEX, DIAERESIS, RING, TILDE, CEDILLA };
static const char *const accents[] = {"24", "84", "4a", "a", "ea", "dm", "48"};

#define DOTLESS_I "00c444e"
static const struct {
    u8 code;
    char letter;
    u8 accent;
} composed[] = {
    {0x80, 'C', CEDILLA},    {0x81, 'u', DIAERESIS}, {0x82, 'e', ACUTE},
    {0x83, 'a', CIRCUMFLEX}, {0x84, 'a', DIAERESIS}, {0x85, 'a', GRAVE},
    {0x86, 'a', RING},       {0x87, 'c', CEDILLA},   {0x88, 'e', CIRCUMFLEX},
    {0x89, 'e', DIAERESIS},  {0x8a, 'e', GRAVE},     {0x8b, 'i', DIAERESIS},
    {0x8c, 'i', CIRCUMFLEX}, {0x8d, 'i', GRAVE},     {0x8e, 'A', DIAERESIS},
    {0x8f, 'A', RING},       {0x90, 'E', ACUTE},     {0x93, 'o', CIRCUMFLEX},
    {0x94, 'o', DIAERESIS},  {0x95, 'o', GRAVE},     {0x96, 'u', CIRCUMFLEX},
    {0x97, 'u', GRAVE},      {0x98, 'y', DIAERESIS}, {0x99, 'O', DIAERESIS},
    {0x9a, 'U', DIAERESIS},  {0xa0, 'a', ACUTE},     {0xa1, 'i', ACUTE},
    {0xa2, 'o', ACUTE},      {0xa3, 'u', ACUTE},     {0xa4, 'n', TILDE},
    {0xa5, 'N', TILDE},
};

/* B3h to DAh: weight of the arms left, right, up, down. */
static const char lines[40][5] = {
    "0011", "1011", "2011", "1022", "1002", "2001", "2022", "0022", "2002", "2020",
    "1020", "2010", "1001", "0110", "1110", "1101", "0111", "1100", "1111", "0211",
    "0122", "0220", "0202", "2220", "2202", "0222", "2200", "2222", "2210", "1120",
    "2201", "1102", "0120", "0210", "0201", "0102", "1122", "2211", "1010", "0101",
};

static unsigned digit(char c)
{
    return (unsigned)(c <= '9' ? c - '0' : c - 'a' + 10);
}

/* Dots of the grid's columns, from the right: seven dots wide, and six, which eight lines look
 * better with. */
static const u8 wide[5] = {0x06, 0x0c, 0x18, 0x60, 0xc0};
static const u8 narrow[5] = {0x0c, 0x18, 0x30, 0x60, 0xc0};

static u8 stretch(unsigned row, const u8 *dots)
{
    u8 out = 0;

    if (dots == wide && (row & 0x1b) == 0x11) /* two strokes, and perhaps a thin one between them */
        return (u8)(0xc6 | (row & 4 ? 0x10 : 0));
    for (unsigned i = 0; i < 5; i++)
        out |= row >> i & 1 ? dots[i] : 0;
    return out;
}

static unsigned strokes(unsigned row)
{
    return (unsigned)__builtin_popcount(row & ~(row << 1));
}

/* Narrow if that keeps apart what is apart. */
static const u8 *columns(const struct size *size, const char *rows)
{
    for (; *rows && size->rows == 8; rows++) {
        unsigned row = digit(*rows);
        if (strokes(stretch(row, narrow)) != strokes(row))
            return wide;
    }
    return size->rows == 8 ? narrow : wide;
}

static void draw_rows(const struct size *size, u8 *g, unsigned y, const char *rows,
                      const u8 *height)
{
    const u8 *dots = columns(size, rows);

    for (unsigned i = 0; rows[i]; i++) {
        for (unsigned n = height[i]; n && y < size->rows; n--)
            g[y++] |= stretch(digit(rows[i]), dots);
    }
}

static void draw_grid(const struct size *size, u8 *g, const char *rows)
{
    draw_rows(size, g, size->top, rows, strlen(rows) > 7 ? size->descending : size->plain);
}

static void draw_composed(const struct size *size, u8 *g, char letter, u8 accent)
{
    const char *rows = letter == 'i' ? DOTLESS_I : ascii[letter - 0x20], *over = accents[accent];
    u8 height[9] = {1, size->above > 1};

    if (letter <= 'Z' && accent != CEDILLA) {
        draw_rows(size, g, 0, over, height);
        draw_rows(size, g, size->above, rows, size->capital);
    } else {
        height[1] = 1;
        draw_rows(size, g, accent == CEDILLA ? size->below : size->top, over, height);
        draw_grid(size, g, rows);
    }
}

/* Line drawing. Single lines lie in columns 3 and 4, double ones in 2 and 5. An arm goes from the
 * edge to the far side of what it meets, but a single one only up to a double line that passes by.
 */
static void draw_lines(const struct size *size, u8 *g, const char *arms)
{
    unsigned l = digit(arms[0]), r = digit(arms[1]), u = digit(arms[2]), d = digit(arms[3]);
    unsigned centre = size->centre;
    u8 column = u == 2 || d == 2 ? 0x24 : 0x18;
    bool wide = column == 0x24, tall = l == 2 || r == 2;
    u8 left = wide && l == 1 && !r && u && d ? 0xe0 : wide ? 0xfc : 0xf8;
    u8 right = wide && r == 1 && !l && u && d ? 0x07 : wide ? 0x3f : 0x1f;
    u8 row = (u8)((l ? left : 0) | (r ? right : 0));
    unsigned first = u ? 0 : tall && d == 1 && l && r ? centre + 1 : centre - tall;
    unsigned last = d ? size->rows - 1u : tall && u == 1 && l && r ? centre - 1 : centre + tall;

    for (unsigned y = first; (u || d) && y <= last; y++)
        g[y] |= column;
    if (l || r) {
        g[centre - tall] |= row;
        g[centre + tall] |= row;
    }
    /* Where double lines meet, the way between them stays open. */
    g[centre] &= (u8) ~((l == 2 && wide ? 0x20 : 0) | (r == 2 && wide ? 0x04 : 0));
    g[centre - 1] &= (u8)(u == 2 && tall ? ~0x18 : ~0);
    g[centre + 1] &= (u8)(d == 2 && tall ? ~0x18 : ~0);
}

static void draw_symbol(const struct size *size, u8 *g, const char *rows)
{
    for (unsigned y = 0; y < size->rows; y++) {
        const char *byte = rows + y * 8 / size->rows * 2;
        g[y] = (u8)(digit(byte[0]) << 4 | digit(byte[1]));
    }
}

/* B0h to B2h, DBh to DFh: shades and blocks, by even and odd lines of the upper and lower half. */
static void draw_blocks(const struct size *size, u8 *font)
{
    static const struct {
        u8 code, rows[4];
    } blocks[] = {
        {0xb0, {0x22, 0x88, 0x22, 0x88}}, {0xb1, {0xaa, 0x55, 0xaa, 0x55}},
        {0xb2, {0xdd, 0x77, 0xdd, 0x77}}, {0xdb, {0xff, 0xff, 0xff, 0xff}},
        {0xdc, {0x00, 0x00, 0xff, 0xff}}, {0xdd, {0xf0, 0xf0, 0xf0, 0xf0}},
        {0xde, {0x0f, 0x0f, 0x0f, 0x0f}}, {0xdf, {0xff, 0xff, 0x00, 0x00}},
    };

    for (size_t i = 0; i < ARRAY_LEN(blocks); i++) {
        u8 *g = font + blocks[i].code * size->rows;
        for (unsigned y = 0; y < size->rows; y++)
            g[y] = blocks[i].rows[(y >= size->rows / 2u) * 2 + (y & 1)];
    }
}

void vga_font(u8 *font, unsigned rows)
{
    const struct size *size = rows == 8 ? &sizes[2] : rows == 14 ? &sizes[1] : &sizes[0];

    CHECK(size->rows == rows, "a font of %u rows", rows);
    memset(font, 0, 256 * rows);
    for (unsigned i = 0; i < ARRAY_LEN(symbols); i++)
        draw_symbol(size, font + (i + 1) * rows, symbols[i]);
    for (unsigned i = 0; i < ARRAY_LEN(ascii); i++)
        draw_grid(size, font + (i + 0x20) * rows, ascii[i]);
    for (unsigned i = 0; i < ARRAY_LEN(others); i++)
        draw_grid(size, font + others[i].code * rows, others[i].rows);
    for (unsigned i = 0; i < ARRAY_LEN(composed); i++)
        draw_composed(size, font + composed[i].code * rows, composed[i].letter, composed[i].accent);
    for (unsigned i = 0; i < ARRAY_LEN(lines); i++)
        draw_lines(size, font + (i + 0xb3) * rows, lines[i]);
    draw_blocks(size, font);
}
