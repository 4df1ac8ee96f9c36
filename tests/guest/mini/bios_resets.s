# Every way to start the machine anew, one after the other; where software asked to be entered again, with what it finds.
        .include "bootsector.inc"

        .set STAGE, 0x60                # CMOS
        .set LAST, 12                   # of the stages

        .macro shutdown code, target, segment
        mov al, 0x8f
        out 0x70, al
        mov al, \code
        out 0x71, al
        mov word ptr [0x467], offset \target
        mov word ptr [0x469], \segment
        .endm

main:   mov al, STAGE
        out 0x70, al
        in al, 0x71
        xor ah, ah
        cmp al, LAST
        jae finished
        line "stage"
        show ax
        mov bx, ax
        mov al, STAGE                   # the next one
        out 0x70, al
        mov al, bl
        inc al
        out 0x71, al
        mov word ptr [0x472], 0x1234
        mov word ptr [0x600], 0x5aa5
        add bx, bx
        jmp [bx + stages]
finished:
        line "end"
        show [0x600]
        mov al, STAGE
        out 0x70, al
        mov al, 0
        out 0x71, al
        finish 0x10

stages: .word jump, eoi_jump, block_move, iret_back, retf_back, warm, vector, keyboard, port92, cf9, triple, three_keys


jump:   cli
        shutdown 0x0a, entered, 0
by_keyboard:
        mov al, 0xfe
        out 0x64, al
1:      hlt
        jmp 1b

eoi_jump:
        cli
        mov al, 0x0b                    # an interrupt in service, of which the end is told
        out 0x20, al
        shutdown 0x05, entered, 0
        in al, 0x92
        and al, 0xfe
        out 0x92, al
        or al, 1
        out 0x92, al
1:      hlt
        jmp 1b

block_move:                             # on the stack: DS, ES, general registers, IP, CS, flags
        cli
        push 0
        push 0
        push offset entered
        pusha
        push 0
        push 0
        shutdown 0x09, _start, 0
        mov [0x467], sp
        jmp by_keyboard

iret_back:
        cli
        push 0
        push 0
        push offset entered
        shutdown 0x0b, _start, 0
        mov [0x467], sp
        jmp by_cf9

retf_back:
        cli
        push 0
        push offset entered
        shutdown 0x0c, _start, 0
        mov [0x467], sp
by_cf9: mov dx, 0xcf9
        mov al, 2
        out dx, al
        mov al, 6
        out dx, al
1:      hlt
        jmp 1b

entered:
        cli
        mov ax, cs
        mov ds, ax
        mov es, ax
        mov ss, ax
        mov sp, 0x7c00
        line "entered"
        smsw ax
        and ax, 1                       # real mode
        show ax
        mov al, 0x8f
        out 0x70, al
        in al, 0x71
        xor ah, ah                      # the code is used up
        show ax
        show [0x600]
        mov ax, 0xffff                  # 1: A20 is open
        mov es, ax
        mov ax, es:[0x610]
        sub ax, [0x600]
        jz 1f
        mov ax, 1
1:      show ax
        xor ax, ax
        mov es, ax
        sti
        jmp main

warm:   int 0x19
vector: jmp 0xffff:0
keyboard:
        jmp by_keyboard
port92: in al, 0x92
        and al, 0xfe
        out 0x92, al
        or al, 1
        out 0x92, al
1:      jmp 1b
cf9:    jmp by_cf9
triple: lidt [nothing]
        int3
nothing: .word 0
        .long 0
three_keys:                             # Ctrl, Alt, Del
        mov si, offset codes
1:      lodsb
        mov ah, al
        mov al, 0xd2
        out 0x64, al
        call taken
        mov al, ah
        out 0x60, al
        mov cx, 2000                    # until the interrupt handler has it
2:      in al, 0x61
        loop 2b
        jmp 1b
taken:  in al, 0x64
        test al, 2
        jnz taken
        ret
codes:  .byte 0x1d, 0x38, 0x53
