// Keeps the page itself on the phone, so that it opens without a network. Never an answer of the collector.
const CACHE = "guankou-BUILD";
const SHELL = ["/", "/manifest.webmanifest", ...["resident.css", "resident.js", "forms.js", "api.js", "qr.js", "codes.js", "keep.js", "pass.svg"].map((name) => "/static/" + name)];

self.addEventListener("install", (event) => {
  event.waitUntil(caches.open(CACHE).then((cache) => cache.addAll(SHELL)).then(() => self.skipWaiting()));
});
self.addEventListener("activate", (event) => {
  const old = (names) => Promise.all(names.filter((name) => name !== CACHE).map((name) => caches.delete(name)));
  event.waitUntil(caches.keys().then(old).then(() => self.clients.claim()));
});
self.addEventListener("fetch", (event) => {
  const url = new URL(event.request.url);
  if (event.request.method !== "GET" || url.origin !== location.origin || !SHELL.includes(url.pathname)) return;
  event.respondWith(caches.open(CACHE).then((cache) => cache.match(url.pathname)).then((kept) => kept || fetch(event.request)));
});
