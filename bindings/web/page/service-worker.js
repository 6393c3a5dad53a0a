// Keeps the page's files, so that it opens without a network. The packer writes files.js: a new version of any file makes a new
// cache, which is used as a whole once no page of the old one is open.
importScripts("files.js"); // VERSION and FILES

addEventListener("install", (event) => {
  const fresh = FILES.map((file) => new Request(file, { cache: "no-cache" }));
  event.waitUntil(caches.open(VERSION).then((cache) => cache.addAll(fresh)));
});

addEventListener("activate", (event) => {
  const old = caches.keys().then((names) => names.filter((name) => name !== VERSION));
  event.waitUntil(old.then((names) => Promise.all(names.map((name) => caches.delete(name)))));
});

addEventListener("fetch", (event) => {
  const { request } = event;
  if (request.method === "GET" && new URL(request.url).origin === location.origin) event.respondWith(answer(request));
});

/** From the cache; what is not there (the build for engines without SIMD) is fetched, and kept. */
async function answer(request) {
  const cache = await caches.open(VERSION);
  const kept = await cache.match(request.mode === "navigate" ? "index.html" : request);
  if (kept) return kept;
  const response = await fetch(request);
  if (response.ok) cache.put(request, response.clone());
  return response;
}
