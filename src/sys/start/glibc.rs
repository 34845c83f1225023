//! The start of a static program, in the place of glibc's own.
//!
//! glibc's `__libc_start_main` asks the processor some sixty questions (`cpuid`)
//! to choose among variants of `memcpy` and the like and to size its caches. In a
//! virtual machine each is an exit to the hypervisor: a fifth of a millisecond
//! altogether, as much as the rest of a small hit. We copy too little for the
//! variants to matter, so ours does everything else in the same order and leaves
//! the questions out: with nothing known about the processor, glibc's selectors
//! take what every x86-64 can do.
//!
//! The functions called here are glibc's between its own object files, so they are
//! of one version. `build.rs` sets `own_start` only for versions that it knows
//! (2.36: `csu/libc-start.c`, `sysdeps/x86/cacheinfo.h`), and only where the
//! program is linked statically; everywhere else glibc's own start is used.
//!
//! It is a macro because only the program may have it: the library is linked into
//! dynamic programs too.

/// Defines `__libc_start_main`, and the variables that stand in one object file
/// with glibc's. `main` has to be defined beside it.
#[macro_export]
macro_rules! glibc_start {
    () => {
        /// Sizes in bytes, as glibc has them for a processor that it does not know.
        mod sizes {
            #[unsafe(no_mangle)]
            static __x86_data_cache_size: std::ffi::c_long = 32 << 10;
            #[unsafe(no_mangle)]
            static __x86_data_cache_size_half: std::ffi::c_long = 16 << 10;
            #[unsafe(no_mangle)]
            static __x86_shared_cache_size: std::ffi::c_long = 1 << 20;
            #[unsafe(no_mangle)]
            static __x86_shared_cache_size_half: std::ffi::c_long = 512 << 10;
            #[unsafe(no_mangle)]
            static __x86_shared_non_temporal_threshold: std::ffi::c_long = 768 << 10;
            #[unsafe(no_mangle)]
            static __x86_rep_movsb_threshold: std::ffi::c_long = 2048;
            #[unsafe(no_mangle)]
            static __x86_rep_stosb_threshold: std::ffi::c_long = 2048;
            #[unsafe(no_mangle)]
            static __x86_rep_movsb_stop_threshold: std::ffi::c_long = 768 << 10;
            #[unsafe(no_mangle)]
            static __x86_string_control: std::ffi::c_int = 0;
        }

        mod begin {
            use std::ffi::{c_char, c_int, c_void};

            type Words = *const *const c_char;
            type Initializer = extern "C" fn(c_int, Words, Words);
            type Finalizer = extern "C" fn();

            /// `Elf64_Rela`.
            #[repr(C)]
            struct Relocation {
                place: *mut usize,
                info: u64,
                select: extern "C" fn() -> usize,
            }

            // SAFETY: the signatures are those of glibc's headers (version: see the
            // module); the arrays are the linker's.
            unsafe extern "C" {
                static mut __environ: Words;
                static mut __libc_stack_end: *mut c_void;
                static _dl_random: *const u64;
                static __rela_iplt_start: [Relocation; 0];
                static __rela_iplt_end: [Relocation; 0];
                static __preinit_array_start: [Initializer; 0];
                static __preinit_array_end: [Initializer; 0];
                static __init_array_start: [Initializer; 0];
                static __init_array_end: [Initializer; 0];
                static __fini_array_start: [Finalizer; 0];
                static __fini_array_end: [Finalizer; 0];
                fn _dl_aux_init(vector: *const c_void);
                fn __tunables_init(environment: Words);
                fn _dl_relocate_static_pie();
                fn __libc_setup_tls();
                fn __libc_early_init(initial: bool);
                fn __libc_init_first(count: c_int, words: Words, environment: Words);
                fn _dl_debug_initialize(base: usize, namespace: isize) -> *mut c_void;
                fn __cxa_atexit(
                    run: extern "C" fn(*mut c_void),
                    with: *mut c_void,
                    object: *mut c_void,
                ) -> c_int;
                fn _init();
                fn _fini();
                fn exit(code: c_int) -> !;
            }

            /// Called by `_start`, once, on the stack that the kernel made.
            ///
            /// Until the relocations are done, neither `memcpy` nor anything else that
            /// is selected may be called, nor may there be any thread-local variable
            /// before its storage is: so there are only scalars here and no calls but
            /// glibc's own, in glibc's order.
            // SAFETY: nothing else has this name: the object file of glibc that has
            // it is not linked, since nothing that it defines is missing.
            #[unsafe(no_mangle)]
            unsafe extern "C" fn __libc_start_main(
                main: extern "C" fn(c_int, Words, Words) -> c_int,
                count: c_int,
                words: Words,
                _init_before_2_34: *const c_void,
                _fini_before_2_34: *const c_void,
                unload: Option<extern "C" fn(*mut c_void)>,
                stack_end: *mut c_void,
            ) -> c_int {
                // SAFETY: the kernel puts the environment behind the words and the
                // auxiliary vector behind the environment, each ended by a null.
                unsafe {
                    let environment = words.offset(count as isize + 1);
                    __environ = environment;
                    __libc_stack_end = stack_end;
                    let mut end = environment;
                    while !(*end).is_null() {
                        end = end.offset(1);
                    }
                    _dl_aux_init(end.offset(1).cast());
                    __tunables_init(environment);
                    _dl_relocate_static_pie();
                    let mut relocation = (&raw const __rela_iplt_start).cast::<Relocation>();
                    while relocation != (&raw const __rela_iplt_end).cast() {
                        *(*relocation).place = ((*relocation).select)();
                        relocation = relocation.offset(1);
                    }
                    __libc_setup_tls();
                    // The stack protector's word, whose lowest byte ends strings, and
                    // the one that stored pointers are mixed with (`tcbhead_t`).
                    // The kernel's random bytes lie anywhere.
                    let guards = _dl_random.cast::<[u64; 2]>().read_unaligned();
                    std::arch::asm!("mov fs:[0x28], {}", in(reg) guards[0] & !0xff);
                    std::arch::asm!("mov fs:[0x30], {}", in(reg) guards[1]);
                    if let Some(unload) = unload {
                        __cxa_atexit(unload, std::ptr::null_mut(), std::ptr::null_mut());
                    }
                    __libc_early_init(true);
                    __libc_init_first(count, words, environment);
                    __cxa_atexit(finish, std::ptr::null_mut(), std::ptr::null_mut());
                    let mut early = (&raw const __preinit_array_start).cast::<Initializer>();
                    while early != (&raw const __preinit_array_end).cast() {
                        (*early)(count, words, environment);
                        early = early.offset(1);
                    }
                    _init();
                    let mut late = (&raw const __init_array_start).cast::<Initializer>();
                    while late != (&raw const __init_array_end).cast() {
                        (*late)(count, words, environment);
                        late = late.offset(1);
                    }
                    _dl_debug_initialize(0, 0);
                    exit(main(count, words, environment))
                }
            }

            /// What the program registered for its end, last first.
            extern "C" fn finish(_: *mut c_void) {
                // SAFETY: the linker's array, walked from its end to its start.
                unsafe {
                    let first = (&raw const __fini_array_start).cast::<Finalizer>();
                    let mut next = (&raw const __fini_array_end).cast::<Finalizer>();
                    while next != first {
                        next = next.offset(-1);
                        (*next)();
                    }
                    _fini();
                }
            }
        }
    };
}
