/** Reading server-sent events (HTML Living Standard §9.2.6), as far as our own server writes them. */

export type ServerSentEvent = {
  /** The last id that was given, with this event or before. */
  id: string | null
  /** Null: only the id has moved on. */
  data: string | null
}

/** A line that never ends is none of ours. */
const lineCharsMax = 4 * 1024 * 1024

/** @throws when a line has no end. */
export async function* readServerSentEvents(
  body: ReadableStream<Uint8Array>,
): AsyncGenerator<ServerSentEvent> {
  const decoder = new TextDecoder()
  let rest = ''
  let id: string | null = null
  let data: string[] = []
  for await (const bytes of body) {
    const lines = (rest + decoder.decode(bytes, { stream: true })).split('\n')
    rest = lines.pop() ?? ''
    if (rest.length > lineCharsMax) throw new Error('the stream has a line without an end')
    for (const line of lines.map((one) => one.replace(/\r$/, ''))) {
      if (line === '') {
        yield { id, data: data.length === 0 ? null : data.join('\n') }
        data = []
        continue
      }
      const [, name, value = ''] = /^([^:]*)(?:: ?(.*))?$/s.exec(line) ?? []
      if (name === 'id') id = value
      else if (name === 'data') data.push(value)
    }
  }
}
