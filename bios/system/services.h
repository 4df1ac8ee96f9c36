/* The services, by file. irqN() and intNN() are entered from entry.S with the caller's registers.
 */
#ifndef BIOS_SERVICES_H
#define BIOS_SERVICES_H

#include "bios/system/system.h"

/* time.c */
void tick(struct regs *r);
void rtc_irq(struct regs *r);
void int1a(struct regs *r);
void time_init(void);
void delay_us(u32 us); /* at least so long */
u32 ticks_now(void);
bool wait_start(struct far flag, u32 us); /* sets bit 7 of the byte later; false: one is running */
void wait_cancel(void);

/* keyboard.c */
void irq1(struct regs *r);
void int16(struct regs *r);
void keyboard_init(void);
bool keyboard_hit(u16 *key); /* takes a key if there is one */

/* ps2.c: the controller and its commands */
bool ps2_command(u8 command);
bool ps2_keyboard(u8 byte); /* sends, waits for the acknowledge */
bool ps2_mouse(u8 byte);
bool ps2_read(u8 *byte);
bool ps2_a20(bool open);         /* the controller's gate */
u8 ps2_config(u8 clear, u8 set); /* of the controller; returns the new one */
void ps2_init(void);

/* mouse.c */
void irq12(struct regs *r);
void mouse_service(struct regs *r); /* INT 15/C2 */
void mouse_init(void);

/* disk.c, ata.c, floppy.c, cdrom.c */
void int13(struct regs *r);
void irq6(struct regs *r);
void irq14(struct regs *r);
void ata_init(void);
void disk_init(void); /* what else lies in memory about disks */
void floppy_init(void);
void floppy_service(struct regs *r);
u8 floppy_count(void);
void int40(struct regs *r);
extern const u8 diskette_table[]; /* entry.S: the parameters of INT 1Eh */
void floppy_tick(void);

/* misc.c */
void int11(struct regs *r);
void int12(struct regs *r);
void int14(struct regs *r);
void int17(struct regs *r);
void ports_init(void);

/* int15.c */
void int15(struct regs *r);
void a20_init(void);            /* as what is booted expects it: open, by the keyboard controller */
extern const u8 config_table[]; /* entry.S */

/* apm.c */
void apm_service(struct regs *r); /* INT 15/53 */

/* pcibios.c */
void pci_service(struct regs *r);

/* boot.c */
void int18(struct regs *r);
void int19(struct regs *r);
void boot_init(void);
void boot_add_rom(u16 seg, u16 entry, const char *name); /* something that boots by a far call */

/* entry.S: a boot sector's world, with an empty stack of our own; PnP installation check */
void boot_enter(u32 entry, u8 drive) __attribute__((noreturn));
extern const u8 pnp_header[];

/* optrom.c */
void pnp_init(void); /* the installation check, which ROMs are told of */
void option_roms(void);
void video_rom(void);

#endif
