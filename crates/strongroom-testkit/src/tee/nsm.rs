//! A fake of a Nitro enclave's Secure Module behind a socket, for servers in other processes. It is
//! for tests only: its documents are a [`FakeAws`]'s, which nobody trusts.

use super::aws::{FakeAws, NitroDocument};
use std::io::{Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::sync::Arc;

/// Answers as long as its process runs. A request is 64 bytes of user data and 32 of a nonce; the
/// answer is a document.
pub fn start(aws: Arc<FakeAws>, socket: &Path, change: impl Fn(&mut NitroDocument) + Send + 'static) {
    let listener = UnixListener::bind(socket).expect("a socket");
    std::thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            let mut asked = [0; 96];
            if stream.read_exact(&mut asked).is_err() {
                continue;
            }
            let (user_data, nonce) = asked.split_at(64);
            let mut document = NitroDocument {
                user_data: Some(user_data.to_vec()),
                nonce: Some(nonce.to_vec()),
                // The present time, not the time at which the fake was made.
                timestamp_ms: Some(now_ms()),
                ..NitroDocument::default()
            };
            change(&mut document);
            // The client may be gone, and then needs no answer.
            let _ = stream.write_all(&aws.document(&document));
        }
    });
}

/// Asks the module behind the socket, as a client would, and gives the document.
///
/// # Errors
/// Any error of the socket.
pub fn ask(socket: &Path, user_data: &[u8; 64], nonce: &[u8; 32]) -> std::io::Result<Vec<u8>> {
    let mut stream = UnixStream::connect(socket)?;
    stream.write_all(&[&user_data[..], nonce].concat())?;
    let mut document = Vec::new();
    stream.read_to_end(&mut document)?;
    Ok(document)
}

fn now_ms() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    u64::try_from(since.expect("it is after 1970").as_millis()).expect("before the end of times")
}
