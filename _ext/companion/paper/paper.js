// Makes printed documents of the book's single page: its chapters, and then the API, each with
// contents, whose page numbers are filled in once they are known.
(function () {
  "use strict";

  const API = "document-chapters/api";
  let api = null;

  function element(name, kind, text = "") {
    const made = document.createElement(name);
    made.className = kind;
    made.textContent = text;
    return made;
  }

  // A line of the contents.
  function entry(level, heading, anchor) {
    const link = element("a", `entry level-${level}`);
    link.href = `#${anchor}`;
    const words = link.appendChild(element("span", "words"));
    const copy = heading.cloneNode(true);
    copy.querySelectorAll(".headerlink, mjx-assistive-mml").forEach((each) => each.remove());
    words.append(...copy.childNodes);
    link.append(element("span", "dots"), element("span", "page"));
    return link;
  }

  // The contents of the chapters, by the parts of the book, and of the API, by its functions.
  function ofBook(whole) {
    const parts = Array.from(document.querySelectorAll("nav.bd-links p.caption"));
    const groups = Array.from(whole.querySelectorAll(":scope > .toctree-wrapper"));
    const lines = [];
    for (const each of whole.querySelectorAll(".toctree-wrapper, h2, h3")) {
      if (each.matches("h2, h3")) {
        lines.push(entry(each.matches("h2") ? 1 : 2, each, each.parentElement.id));
      } else if (groups.includes(each)) {
        lines.push(element("p", "part-title", parts[groups.indexOf(each)].textContent));
      }
    }
    return lines;
  }

  function ofApi(whole) {
    const found = whole.querySelectorAll("h3, dl:is(.class, .function) > dt.sig[id]");
    return Array.from(found, (each) => (each.matches("h3")
      ? entry(1, each, each.parentElement.id) : entry(2, each.querySelector(".sig-name"), each.id)));
  }

  // Puts one document in place of the page, and returns the anchors that its contents name.
  function show(part, title, note) {
    const article = document.querySelector("article");
    if (part === "book") {
      const start = document.getElementById(API);
      api = start.nextElementSibling;
      api.remove();
      start.remove();
    }
    const whole = part === "book" ? article.querySelector("section") : api;
    const contents = element("nav", "entries");
    contents.append(...(part === "book" ? ofBook : ofApi)(whole));
    const front = element("header", "front");
    front.append(element("p", "title", title), element("p", "note", note), contents);
    article.replaceChildren(front, whole);
    document.documentElement.classList.remove("book", "api");
    document.documentElement.classList.add("paper", part);
    // What the other document has can't be reached from here.
    for (const link of article.querySelectorAll('a[href^="#"]')) {
      const anchor = decodeURIComponent(link.getAttribute("href").slice(1));
      if (!document.getElementById(anchor)) { link.removeAttribute("href"); }
    }
    return Array.from(contents.querySelectorAll("a"), (link) => link.getAttribute("href").slice(1));
  }

  function fill(pages) {
    document.querySelectorAll(".entries .page").forEach((place, index) => {
      place.textContent = pages[index];
    });
  }

  window.paper = { show, fill };
})();
