/** Requests whose body may take longer than others': a whole file, once its caller may send it. */
import type { IncomingMessage } from 'node:http'

const lateness = new WeakMap<IncomingMessage, NodeJS.Timeout>()

/** @param late breaks the request off unless `allowLongBody` was called. */
export function watchLate(request: IncomingMessage, late: NodeJS.Timeout): void {
  lateness.set(request, late)
  request.once('close', () => clearTimeout(late))
}

/** From here on the body may take as long as the listeners' bound for uploads, from the request's beginning. */
export function allowLongBody(request: IncomingMessage): void {
  clearTimeout(lateness.get(request))
}
