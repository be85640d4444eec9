/** A process that takes webhooks: it counts them, and how long after their event they came. */
import { createServer } from 'node:http'

let count = 0
let latencies: number[] = []

const server = createServer(async (request, response) => {
  if (request.url === '/hang') return
  if (request.url === '/count') return void response.end(String(count))
  if (request.url === '/latencies') return void response.end(JSON.stringify(latencies))
  if (request.url === '/reset') {
    count = 0
    latencies = []
    return void response.end()
  }
  const pieces: Buffer[] = []
  for await (const piece of request) pieces.push(piece)
  count++
  const at = /"created_at":"([^"]+)"/.exec(Buffer.concat(pieces).toString())?.[1]
  latencies.push(Date.now() - Date.parse(at ?? ''))
  response.writeHead(204).end()
})
server.listen(0, '127.0.0.1', () => {
  const address = server.address()
  if (typeof address === 'object' && address !== null) process.stdout.write(`${address.port}\n`)
})
