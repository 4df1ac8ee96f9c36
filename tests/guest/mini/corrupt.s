# A program with a bug: a routine writes one element too many, over a pointer to a function, which is called much later.
# Who wrote there? test_gdb.py asks. (No expectations here.)
.include "prelude.inc"
main:
    hook 6, crash
    hook 13, crash
    hook 14, crash
    mov dword ptr [action], offset greet
    call [action]
    call fill
    mov ecx, 100000                     # other things happen
1:  mov eax, ecx
    imul eax, eax, 77
    mov [scratch], eax
    dec ecx
    jnz 1b
    call [action]                       # to where there is nothing
    exit 1

greet:
    ret

fill:
    mov ecx, 0
1:  mov [table + ecx * 4], ecx
culprit_done:
    inc ecx
    cmp ecx, 16
    jbe 1b                              # jb was meant
    ret

crash:
    exit 2

.data
table: .fill 16, 4, 0
action: .long 0
scratch: .long 0
.text
