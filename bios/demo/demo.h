/* The demonstration: what its parts offer to each other. It runs in ring 0 with flat segments and
 * one address space; nothing is allocated, all there is stands in static variables. */
#ifndef DEMO_DEMO_H
#define DEMO_DEMO_H

#include "bios/demo/cpu.h"

/* ---- left by real mode: real.S ---- */

/* The registers after one step of the way to protected mode and paging. */
struct step {
    u32 cr0, cr3, eflags, esp, eip;
    u16 cs, ds, ss, tr;
    struct table_register gdtr, idtr;
} __attribute__((packed));

enum {
    STEP_REAL,
    STEP_A20,
    STEP_GDT,
    STEP_PE,
    STEP_PROTECTED,
    STEP_IDT,
    STEP_TSS,
    STEP_PAGING,
    STEPS
};

extern struct step steps[STEPS];

struct memory_range {
    u64 base, len;
    u32 type;
} __attribute__((packed));

extern struct memory_range memory_map[];
extern u32 memory_ranges;
extern u32 font_address;         /* 256 characters of 16 rows, or 0 */
extern u16 a20_closed, a20_open; /* the word at FFFF:7E0E with the gate so */
extern u8 a20_method, boot_drive;
extern u32 image_sectors[], bss_end[]; /* symbols of the linker: their addresses count */

/* Registers for and from the firmware. Buffers must lie in the first 64 KiB: bios_buffer does. */
struct bios_regs {
    u32 eax, ebx, ecx, edx, esi, edi, ebp;
    u16 es, ds;
    u32 eflags;
};

extern u8 bios_buffer[512];
void firmware(u8 vector, struct bios_regs *r);

/* ---- lib.c ---- */

void *memset(void *to, int value, size_t len);
void *memcpy(void *to, const void *from, size_t len);
int memcmp(const void *a, const void *b, size_t len);
size_t strlen(const char *s);
/* %d %u %x %X %s %c and %o (binary!), with '-', '0' and a width. Returns the length. */
int format(char *out, size_t size, const char *fmt, ...) __attribute__((format(gnu_printf, 3, 4)));
int format_list(char *out, size_t size, const char *fmt, __builtin_va_list list);
#define SINE_STEPS 1024
#define SINE_ONE   16384
int sine(u32 angle); /* of 1024 to a circle; 16384 is 1 */
int cosine(u32 angle);
u32 square_root(u32 v);
u32 random_number(void); /* the same numbers in every run */

/* ---- descriptors.c ---- */

enum {
    SEL_CODE = 0x08,
    SEL_DATA = 0x10,
    SEL_CODE16 = 0x18,
    SEL_DATA16 = 0x20,
    SEL_MAIN = 0x28,
    SEL_TASK_A = 0x30,
    SEL_TASK_B = 0x38,
    SEL_ABSENT = 0x40,
    SEL_SMALL = 0x48,
};

struct tss {
    u32 link, esp0, ss0, esp1, ss1, esp2, ss2, cr3, eip, eflags;
    u32 eax, ecx, edx, ebx, esp, ebp, esi, edi, es, cs, ss, ds, fs, gs, ldt;
    u16 trap, io_map;
};

#define GDT_ENTRIES 12
#define IDT_ENTRIES 64
extern u64 gdt[GDT_ENTRIES], idt[IDT_ENTRIES];
extern struct table_register gdt_register, idt_register;
extern struct tss main_tss;

void descriptors_init(void);
void describe_tss(u16 selector, const struct tss *tss);
/* A descriptor in words, as "code 32-bit execute/read"; its base and limit in bytes. */
void decode_descriptor(u64 d, char *words, size_t size, u32 *base, u32 *limit);
void note_step(unsigned number);

/* ---- traps.c ---- */

/* As entry.S leaves it on the stack. */
struct frame {
    u32 es, ds, edi, esi, ebp, esp, ebx, edx, ecx, eax;
    u32 vector, error, eip, cs, eflags;
};

#define FIRST_IRQ 32
enum { IRQ_TIMER, IRQ_KEYBOARD, IRQ_COM1 = 4, IRQ_RTC = 8, IRQ_MOUSE = 12, IRQS = 16 };

extern u32 vector_count[IDT_ENTRIES];
extern struct frame last_exception;
extern u32 last_cr2;
extern u32 exceptions; /* how many were caught */

void traps_init(void);
/* Calls the handler for each interrupt of the line, which is no longer masked. */
void irq_connect(unsigned irq, void (*handler)(void));
bool attempt(void (*function)(void)); /* true: it has raised an exception, see last_exception */

/* ---- paging.c ---- */

enum { PAGE_PRESENT = 1, PAGE_WRITE = 2, PAGE_USER = 4, PAGE_ACCESSED = 0x20, PAGE_DIRTY = 0x40 };

#define PLAYGROUND       0x40000000u /* linear addresses of the page about paging */
#define PLAYGROUND_PAGES 16

void paging_init(void);
u32 *page_directory_entry(u32 linear);
u32 *page_table_entry(u32 linear); /* NULL: the directory entry is not present */
void paging_changed(void);         /* the TLB may hold what is no longer true */
/* Makes physical memory seen at the same linear addresses: a frame buffer. */
void map_same(u32 start, u32 bytes);
/* A view of 64 KiB of physical memory from that page on, until the next call. */
u8 *view_physical(u32 address);

/* ---- time.c ---- */

#define TICKS_PER_SECOND 200

extern volatile u32 ticks;

struct date {
    u8 second, minute, hour, day, month, weekday;
    u16 year;
};

void time_init(void);
struct date clock_read(void);
void wait_ticks(u32 count);
u16 timer_count(void); /* of the 8254's counter 0, as it stands */
void speaker(u32 hz);  /* 0: quiet */

/* ---- input: keyboard.c, mouse.c, serial.c ---- */

enum key {
    KEY_NONE,
    KEY_BACKSPACE = 8,
    KEY_TAB = 9,
    KEY_ENTER = 13,
    KEY_ESC = 27,
    /* printable ones are characters, letters lower case */
    KEY_UP = 256,
    KEY_DOWN,
    KEY_LEFT,
    KEY_RIGHT,
    KEY_PAGE_UP,
    KEY_PAGE_DOWN,
    KEY_HOME,
    KEY_END,
    KEY_REDRAW,
};

void keyboard_init(void);
void key_push(int key);
int key_next(void); /* KEY_NONE: there is none */
extern u8 scan_codes[16];
extern u32 scan_code_count;

struct mouse {
    bool there;
    int x, y, width, height; /* of what it moves in */
    u8 buttons;
    u8 packet[3]; /* the last */
    u32 packets, clicks;
};

extern struct mouse mouse;
void mouse_init(void);
void mouse_area(int width, int height);
bool controller_ready(u8 mask, u8 wanted); /* of port 64h; false: it never is */

void serial_init(void);
bool serial_there(void);
unsigned serial_room(void); /* bytes that can be sent without waiting */
void serial_send(const char *data, size_t len);
void serial_poll(void); /* an ESC that nothing follows */

/* ---- screen.c, mirror.c: text ---- */

#define ROWS 25
#define COLS 80

struct cell {
    u8 ch, colour;
};

/* The screen that pages draw. screen_show() brings it to the VGA, if that is in text mode, and the
 * mirror to the serial port. */
extern struct cell screen[ROWS][COLS];

enum {
    DARK,
    PANEL,
    GREEN,
    CYAN,
    RED,
    VIOLET,
    GOLD,
    TEXT,
    DIM,
    BAR,
    BRIGHT_GREEN,
    BRIGHT_CYAN,
    BRIGHT_RED,
    PINK,
    YELLOW,
    WHITE
};
#define ON(foreground, background) ((u8)((foreground) | (background) << 4))

void screen_text_mode(void); /* sets it, with our colours */
void screen_graphics(void);  /* the VGA is no longer in text mode */
void screen_show(void);
void screen_clear(void);
void put(int row, int col, u8 colour, const char *fmt, ...)
    __attribute__((format(gnu_printf, 4, 5)));
void fill(int row, int col, int height, int width, u8 ch, u8 colour);
void box(int row, int col, int height, int width, const char *title);
/* Words, wrapped at the width; returns the row behind them. */
int paragraph(int row, int col, int width, u8 colour, const char *text);
/* A place that gives a key when the mouse clicks on it. Places are forgotten by screen_clear(). */
void hot(int row, int col, int width, int key);
int hot_key(int row, int col);

void mirror_all(void); /* anew */
void mirror_changed(void);
void mirror_send(void);
void mirror_end(void);

/* ---- pages: pages.c ---- */

struct page {
    char key;
    const char *name, *about;
    const char *hints;  /* at the bottom */
    u16 interval;       /* ticks between two draw() */
    void (*open)(void); /* each of these but draw may be NULL */
    void (*draw)(void);
    void (*key_pressed)(int key);
    void (*close)(void);
    bool graphics; /* the text is for the serial port only */
};

extern const struct page journey_page, walk_page, descriptors_page, interrupts_page, tasks_page,
    memory_page, cpu_page, pci_page, clock_page, sound_page, plasma_page, modex_page, planar_page,
    orrery_page, power_page;

void title_bar(const char *title);
void hint_bar(const char *hints);
void go_to_menu(void);

/* ---- tasks.c ---- */

struct frame *threads_switch(struct frame *now); /* at each timer tick */

/* ---- graphics.c ---- */

bool set_mode(u16 mode); /* of the BIOS, or of VBE with 100h and more; false: refused */
void set_palette(u8 index, u8 red, u8 green, u8 blue);
const u8 *glyph(u8 ch);                            /* 16 rows of 8 dots; of blanks without a font */
void register_write(u16 port, u8 index, u8 value); /* of an index and data pair */
void attribute_write(u8 index, u8 value);

#endif
