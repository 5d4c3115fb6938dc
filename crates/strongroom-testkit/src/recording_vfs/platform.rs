//! The VFS itself: SQLite's C interface in front of the platform's own.
//!
//! Every method calls the wrapped VFS or file, and a few tell the recorder. They hold the
//! recorder's lock meanwhile, and the log has the order in which things happened.

#![expect(unsafe_code, reason = "a VFS is a table of C functions")]

use super::operation::Operation;
use super::recorder::{Recorder, recorder};
use rusqlite::ffi;
use std::ffi::{CStr, c_char, c_int, c_void};
use std::path::PathBuf;
use std::ptr;
use std::sync::{Arc, Once};

/// Makes the recording VFS the default one of this process.
pub(super) fn register_once() {
    static REGISTERED: Once = Once::new();
    REGISTERED.call_once(|| {
        // SAFETY: a null name asks for the default VFS; SQLite initialises itself for it.
        let platform = unsafe { ffi::sqlite3_vfs_find(ptr::null()) };
        assert!(!platform.is_null(), "SQLite has a VFS of its own");
        // SAFETY: SQLite never frees or moves a registered VFS; these two fields do not change.
        let (file_bytes, path_bytes) = unsafe { ((*platform).szOsFile, (*platform).mxPathname) };
        let vfs = Box::leak(Box::new(ffi::sqlite3_vfs {
            // Version 2 has all but the replacing of system calls.
            iVersion: 2,
            szOsFile: size_of::<File>() as c_int + file_bytes,
            mxPathname: path_bytes,
            pNext: ptr::null_mut(),
            zName: c"recording".as_ptr(),
            pAppData: platform.cast(),
            xOpen: Some(open),
            xDelete: Some(delete),
            xAccess: Some(access),
            xFullPathname: Some(full_pathname),
            xDlOpen: Some(dl_open),
            xDlError: Some(dl_error),
            xDlSym: Some(dl_sym),
            xDlClose: Some(dl_close),
            xRandomness: Some(randomness),
            xSleep: Some(sleep),
            xCurrentTime: Some(current_time),
            xGetLastError: Some(last_error),
            xCurrentTimeInt64: Some(current_time_int64),
            xSetSystemCall: None,
            xGetSystemCall: None,
            xNextSystemCall: None,
        }));
        // SAFETY: the table is leaked, so it outlives every use, and nobody else refers to it.
        let result = unsafe { ffi::sqlite3_vfs_register(vfs, 1) };
        assert_eq!(result, ffi::SQLITE_OK, "SQLite takes the VFS");
    });
}

/// What SQLite holds as an open file. The platform's own file stands behind it, in the same memory.
#[repr(C)]
struct File {
    base: ffi::sqlite3_file,
    /// The path of a database, its log or its journal. Other files, such as those for sorting, have
    /// none: they do not outlive a crash.
    path: Option<PathBuf>,
}

// The platform's file behind it is aligned as SQLite's memory is.
const _: () = assert!(size_of::<File>().is_multiple_of(8) && align_of::<File>() <= 8);

/// Version 2 has no memory maps, so every write passes through `write`.
static METHODS: ffi::sqlite3_io_methods = ffi::sqlite3_io_methods {
    iVersion: 2,
    xClose: Some(close),
    xRead: Some(read),
    xWrite: Some(write),
    xTruncate: Some(truncate),
    xSync: Some(sync),
    xFileSize: Some(file_size),
    xLock: Some(lock),
    xUnlock: Some(unlock),
    xCheckReservedLock: Some(check_reserved_lock),
    xFileControl: Some(file_control),
    xSectorSize: Some(sector_size),
    xDeviceCharacteristics: Some(device_characteristics),
    xShmMap: Some(shm_map),
    xShmLock: Some(shm_lock),
    xShmBarrier: Some(shm_barrier),
    xShmUnmap: Some(shm_unmap),
    xFetch: None,
    xUnfetch: None,
};

/// The platform's VFS, which this one wraps.
///
/// # Safety
/// `vfs` is the one that `register_once` made.
unsafe fn platform(vfs: *mut ffi::sqlite3_vfs) -> *mut ffi::sqlite3_vfs {
    // SAFETY: the caller's promise; the pointer was put there at registration.
    unsafe { (*vfs).pAppData.cast() }
}

/// The platform's file behind ours.
///
/// # Safety
/// `file` points to `szOsFile` bytes, as SQLite gives to `xOpen`.
unsafe fn inner(file: *mut ffi::sqlite3_file) -> *mut ffi::sqlite3_file {
    // SAFETY: `szOsFile` is the sum of both sizes.
    unsafe { file.cast::<File>().add(1).cast() }
}

/// The platform's methods for the file behind ours.
///
/// # Safety
/// The platform has opened the file, and it is not closed.
unsafe fn methods<'a>(file: *mut ffi::sqlite3_file) -> &'a ffi::sqlite3_io_methods {
    // SAFETY: the platform set the pointer when it opened the file, and its tables are never freed.
    unsafe { &*(*inner(file)).pMethods }
}

/// The name under which a file is recorded, if it is recorded.
///
/// # Safety
/// `file` was opened by `open` and not closed.
unsafe fn name(recorder: &Recorder, file: *mut ffi::sqlite3_file) -> Option<Arc<str>> {
    // SAFETY: `open` wrote a `File` there, and SQLite closes no file during another call for it.
    let file = unsafe { &*file.cast::<File>() };
    file.path.as_ref().and_then(|path| recorder.name_of(path))
}

/// A copy of a path. Temporary files have none.
///
/// # Safety
/// `path` is null or a C string.
unsafe fn owned_path(path: *const c_char) -> Option<PathBuf> {
    // SAFETY: the caller's promise; the text is copied at once.
    let path = (!path.is_null()).then(|| unsafe { CStr::from_ptr(path) })?;
    Some(path.to_string_lossy().into_owned().into())
}

unsafe extern "C" fn open(
    vfs: *mut ffi::sqlite3_vfs,
    path: *const c_char,
    file: *mut ffi::sqlite3_file,
    flags: c_int,
    out_flags: *mut c_int,
) -> c_int {
    let recorded = ffi::SQLITE_OPEN_MAIN_DB | ffi::SQLITE_OPEN_WAL | ffi::SQLITE_OPEN_MAIN_JOURNAL;
    // SAFETY: SQLite gives its own VFS, `szOsFile` bytes for the file, and a path that it keeps
    // while the file is open. A file with null methods counts as not open, so a failed one is
    // closed here if the platform wants it to be.
    unsafe {
        let platform = platform(vfs);
        let inner = inner(file);
        (*inner).pMethods = ptr::null();
        (*file).pMethods = ptr::null();
        let xopen = (*platform).xOpen.expect("a VFS opens files");
        let result = xopen(platform, path, inner, flags, out_flags);
        if result == ffi::SQLITE_OK {
            let path = if flags & recorded == 0 { None } else { owned_path(path) };
            file.cast::<File>()
                .write(File { base: ffi::sqlite3_file { pMethods: &raw const METHODS }, path });
        } else if !(*inner).pMethods.is_null() {
            methods(file).xClose.expect("a file closes")(inner);
        }
        result
    }
}

unsafe extern "C" fn close(file: *mut ffi::sqlite3_file) -> c_int {
    // SAFETY: SQLite closes an open file once. The path is dropped in place and the methods are
    // nulled, so nothing of it is used again.
    unsafe {
        let result = methods(file).xClose.expect("a file closes")(inner(file));
        file.cast::<File>().drop_in_place();
        (*file).pMethods = ptr::null();
        result
    }
}

unsafe extern "C" fn delete(vfs: *mut ffi::sqlite3_vfs, path: *const c_char, sync_folder: c_int) -> c_int {
    let mut recorder = recorder();
    // SAFETY: SQLite gives its own VFS and a path.
    let (result, path) = unsafe {
        let platform = platform(vfs);
        let xdelete = (*platform).xDelete.expect("a VFS deletes files");
        (xdelete(platform, path, sync_folder), owned_path(path))
    };
    if let (ffi::SQLITE_OK, Some(file)) = (result, path.and_then(|path| recorder.name_of(&path))) {
        recorder.log.push(Operation::Delete { file });
    }
    result
}

unsafe extern "C" fn write(
    file: *mut ffi::sqlite3_file,
    bytes: *const c_void,
    length: c_int,
    offset: ffi::sqlite3_int64,
) -> c_int {
    let mut recorder = recorder();
    // SAFETY: SQLite gives an open file.
    let name = unsafe { name(&recorder, file) };
    if name.is_some() && recorder.fail_writes_full {
        return ffi::SQLITE_FULL;
    }
    // SAFETY: SQLite gives an open file and the arguments that the platform's method takes.
    let result =
        unsafe { methods(file).xWrite.expect("a file is written")(inner(file), bytes, length, offset) };
    if let (ffi::SQLITE_OK, Some(file)) = (result, name) {
        // SAFETY: SQLite gives `length` bytes, which stay as they are during the call.
        let bytes = unsafe { std::slice::from_raw_parts(bytes.cast::<u8>(), length as usize) };
        recorder.log.push(Operation::Write { file, offset: offset as u64, bytes: bytes.to_vec() });
    }
    result
}

unsafe extern "C" fn truncate(file: *mut ffi::sqlite3_file, length: ffi::sqlite3_int64) -> c_int {
    let mut recorder = recorder();
    // SAFETY: SQLite gives an open file.
    let name = unsafe { name(&recorder, file) };
    // SAFETY: SQLite gives an open file and the arguments that the platform's method takes.
    let result = unsafe { methods(file).xTruncate.expect("a file is truncated")(inner(file), length) };
    if let (ffi::SQLITE_OK, Some(file)) = (result, name) {
        recorder.log.push(Operation::Truncate { file, length_bytes: length as u64 });
    }
    result
}

unsafe extern "C" fn sync(file: *mut ffi::sqlite3_file, flags: c_int) -> c_int {
    let mut recorder = recorder();
    // SAFETY: SQLite gives an open file.
    let name = unsafe { name(&recorder, file) };
    let result = if name.is_some() && recorder.fail_syncs {
        ffi::SQLITE_IOERR_FSYNC
    } else {
        // SAFETY: SQLite gives an open file and the arguments that the platform's method takes.
        unsafe { methods(file).xSync.expect("a file is synced")(inner(file), flags) }
    };
    match (result, name) {
        (ffi::SQLITE_OK, Some(file)) => recorder.log.push(Operation::Sync { file, flags }),
        (_, Some(file)) => recorder.log.push(Operation::FailedSync { file }),
        _ => {}
    }
    result
}

/// Methods of a file that do no more than the platform's.
macro_rules! delegated_to_file {
    ($($name:ident => $method:ident($($argument:ident: $kind:ty),*) $(-> $answer:ty)?;)*) => {$(
        unsafe extern "C" fn $name(file: *mut ffi::sqlite3_file, $($argument: $kind),*) $(-> $answer)? {
            // SAFETY: SQLite gives an open file and the arguments that the platform's method takes.
            unsafe { methods(file).$method.expect("version 2 has it")(inner(file), $($argument),*) }
        }
    )*};
}

delegated_to_file! {
    read => xRead(bytes: *mut c_void, length: c_int, offset: ffi::sqlite3_int64) -> c_int;
    file_size => xFileSize(size: *mut ffi::sqlite3_int64) -> c_int;
    lock => xLock(level: c_int) -> c_int;
    unlock => xUnlock(level: c_int) -> c_int;
    check_reserved_lock => xCheckReservedLock(reserved: *mut c_int) -> c_int;
    file_control => xFileControl(operation: c_int, argument: *mut c_void) -> c_int;
    sector_size => xSectorSize() -> c_int;
    device_characteristics => xDeviceCharacteristics() -> c_int;
    shm_map => xShmMap(page: c_int, page_bytes: c_int, extend: c_int, out: *mut *mut c_void) -> c_int;
    shm_lock => xShmLock(offset: c_int, count: c_int, flags: c_int) -> c_int;
    shm_barrier => xShmBarrier();
    shm_unmap => xShmUnmap(delete_flag: c_int) -> c_int;
}

type Symbol = unsafe extern "C" fn(*mut ffi::sqlite3_vfs, *mut c_void, *const c_char);

/// Methods of the VFS that do no more than the platform's.
macro_rules! delegated_to_platform {
    ($($name:ident => $method:ident($($argument:ident: $kind:ty),*) $(-> $answer:ty)?;)*) => {$(
        unsafe extern "C" fn $name(vfs: *mut ffi::sqlite3_vfs, $($argument: $kind),*) $(-> $answer)? {
            // SAFETY: SQLite gives its own VFS and the arguments that the platform's method takes.
            unsafe {
                let platform = platform(vfs);
                (*platform).$method.expect("version 2 has it")(platform, $($argument),*)
            }
        }
    )*};
}

delegated_to_platform! {
    access => xAccess(path: *const c_char, flags: c_int, out: *mut c_int) -> c_int;
    full_pathname => xFullPathname(path: *const c_char, length: c_int, out: *mut c_char) -> c_int;
    dl_open => xDlOpen(path: *const c_char) -> *mut c_void;
    dl_error => xDlError(length: c_int, out: *mut c_char);
    dl_sym => xDlSym(library: *mut c_void, symbol: *const c_char) -> Option<Symbol>;
    dl_close => xDlClose(library: *mut c_void);
    randomness => xRandomness(length: c_int, out: *mut c_char) -> c_int;
    sleep => xSleep(microseconds: c_int) -> c_int;
    current_time => xCurrentTime(out: *mut f64) -> c_int;
    last_error => xGetLastError(length: c_int, out: *mut c_char) -> c_int;
    current_time_int64 => xCurrentTimeInt64(out: *mut ffi::sqlite3_int64) -> c_int;
}
