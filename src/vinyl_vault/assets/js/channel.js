// Messages between tabs: new tokens, changed records, a log-out.
export class Channel {
  constructor() {
    this.handlers = new Map();
    this.port = new BroadcastChannel("vinyl-vault");
    this.port.onmessage = ({ data }) => this.handlers.get(data.type)?.forEach((handler) => handler(data));
  }

  on(type, handler) {
    this.handlers.set(type, [...(this.handlers.get(type) ?? []), handler]);
  }

  post(type, content) {
    this.port.postMessage({ ...content, type });
  }
}
