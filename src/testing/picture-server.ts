/** A server of pictures for tests of what fetches them by URL. */
import { createServer } from 'node:http'
import type { Socket } from 'node:net'
import { pictureBounds } from '../mailboxes/picture-image.ts'
import { plain, red } from './test-pictures.ts'

/**
 * `/red.png` is a picture; `/moved/N` leads to it over N redirects; `/text` is none, `/large` is too large, `/silent`
 * never answers, and `/failing` answers 503 as long as `failing.left` is not used up. All else is 404.
 */
export type PictureServer = AsyncDisposable & { url: string; paths: string[]; failing: { left: number } }

export async function startPictureServer(): Promise<PictureServer> {
  const png = await plain(red).png().toBuffer()
  const paths: string[] = []
  const failing = { left: 0 }
  const sockets = new Set<Socket>()
  const server = createServer((incoming, outgoing) => {
    const path = incoming.url ?? ''
    paths.push(path)
    const moved = /^\/moved\/(\d+)$/.exec(path)?.[1]
    if (moved !== undefined) {
      const location = moved === '1' ? '/red.png' : `${Number(moved) - 1}`
      return void outgoing.writeHead(302, { location }).end()
    }
    if (path === '/silent') return
    if (path === '/failing' && failing.left-- > 0) return void outgoing.writeHead(503).end()
    if (path === '/text') return void outgoing.end('<svg xmlns="http://www.w3.org/2000/svg"/>')
    if (path === '/large') return void outgoing.end(Buffer.alloc(pictureBounds.bytesMax + 1))
    if (path !== '/red.png' && path !== '/failing') return void outgoing.writeHead(404).end()
    // Whatever it calls it.
    outgoing.writeHead(200, { 'content-type': 'text/plain' }).end(png)
  })
  server.on('connection', (socket) => {
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket)).once('error', () => undefined)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('the server has no port')
  return {
    url: `http://127.0.0.1:${address.port}`,
    paths,
    failing,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
