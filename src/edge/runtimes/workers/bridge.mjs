// The two steps of a request that would cross between Python and JavaScript many times. Each is one call here.

// Return a reader of requests: it gives the JSON text of the method, the URL and the headers of these names.
export const reader = (names) => (request) => {
  const { headers } = request;
  const found = {};
  for (const name of names) {
    const value = headers.get(name);
    if (value !== null) found[name] = value;
  }
  return JSON.stringify([request.method, request.url, found]);
};

// Return a response; its status and headers are given as JSON text.
export const respond = (body, init) => new Response(body, JSON.parse(init));
