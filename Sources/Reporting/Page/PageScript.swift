/// What a page's script does: it sorts and filters the rows of tables, hides models, copies tables as text, and opens what is
/// folded before the page is printed. It reads and moves what the page holds, and makes no HTML of text.
enum PageScript {
  static let text = """
    'use strict';
    (() => {
      const all = (selector, root) => [...(root || document).querySelectorAll(selector)];
      const make = (name, text, attributes) => {
        const element = document.createElement(name);
        if (text) element.textContent = text;
        for (const [key, value] of Object.entries(attributes || {})) element.setAttribute(key, value);
        return element;
      };
      const rowsOf = (body) => all('tr:not(.group)', body);
      const key = (row, column) => {
        const cell = row.cells[column];
        if (!cell) return '';
        const value = cell.dataset.v;
        return value === undefined ? cell.textContent.trim() : value === '' ? NaN : Number(value);
      };
      const compare = (one, other) => {
        if (typeof one === 'number' && typeof other === 'number') {
          if (Number.isNaN(one) || Number.isNaN(other)) return Number.isNaN(one) - Number.isNaN(other) || 0;
          return one - other;
        }
        return String(one).localeCompare(String(other), undefined, { numeric: true });
      };
      const sort = (table, heading) => {
        const column = Number(heading.dataset.c);
        const rises = heading.getAttribute('aria-sort') !== 'ascending';
        all('th[aria-sort]', table).forEach((other) => other.removeAttribute('aria-sort'));
        heading.setAttribute('aria-sort', rises ? 'ascending' : 'descending');
        all('tbody', table).forEach((body) => {
          rowsOf(body).map((row) => [key(row, column), row]).sort((one, other) => {
            const missing = Number.isNaN(one[0]) - Number.isNaN(other[0]);
            return missing || (rises ? 1 : -1) * compare(one[0], other[0]);
          }).forEach(([, row]) => body.append(row));
        });
      };
      const filter = (table, text) => {
        const words = text.toLowerCase().split(' ').filter((word) => word);
        all('tbody tr:not(.group)', table).forEach((row) => {
          const own = row.textContent.toLowerCase();
          row.hidden = !words.every((word) => own.includes(word));
        });
      };
      all('.scroll > table').forEach((table) => {
        const caption = table.caption ? table.caption.textContent : 'table';
        const count = all('tbody tr:not(.group)', table).length;
        if (count > 1) all('th[data-c]', table).forEach((heading) => {
          const button = make('button', '\\u2195', { type: 'button', 'aria-label': 'Sort by ' + heading.textContent });
          button.addEventListener('click', () => sort(table, heading));
          heading.append(button);
        });
        if (count > 7) {
          const label = make('label', 'Filter rows: ');
          const input = make('input', '', { type: 'search', 'aria-label': 'Show only rows of this table with these words: ' + caption });
          input.addEventListener('input', () => filter(table, input.value));
          label.append(input);
          const line = make('p', '', { class: 'controls' });
          line.append(label);
          table.parentNode.before(line);
        }
      });
      const models = new Map();
      all('thead th[data-m]').forEach((heading) => {
        if (!models.has(heading.dataset.m)) models.set(heading.dataset.m, heading.firstChild.textContent);
      });
      const hidden = new Set();
      const show = () => {
        all('[data-m]').forEach((element) => {
          element.style.display = hidden.has(element.dataset.m) ? 'none' : '';
        });
        all('tr[data-ms]').forEach((row) => {
          row.style.display = row.dataset.ms.split(' ').some((model) => hidden.has(model)) ? 'none' : '';
        });
        all('th[data-span]').forEach((heading) => {
          const left = heading.dataset.span.split(' ').filter((model) => !hidden.has(model)).length;
          heading.style.display = left ? '' : 'none';
          if (left) heading.colSpan = left;
        });
      };
      if (models.size > 2) {
        const box = make('fieldset', '', { class: 'controls' });
        box.append(make('legend', 'Models shown'));
        for (const [place, name] of models) {
          const label = make('label');
          const input = make('input', '', { type: 'checkbox' });
          input.checked = true;
          input.addEventListener('change', () => {
            if (input.checked) hidden.delete(place); else hidden.add(place);
            show();
          });
          label.append(input, ' ' + name);
          box.append(label);
        }
        document.getElementById('contents').after(box);
      }
      all('details.paste pre').forEach((text) => {
        const button = make('button', 'Copy', { type: 'button', class: 'copy' });
        button.setAttribute('aria-label', 'Copy ' + text.getAttribute('aria-label'));
        button.addEventListener('click', () => {
          const range = document.createRange();
          range.selectNodeContents(text);
          getSelection().removeAllRanges();
          getSelection().addRange(range);
          button.textContent = document.execCommand('copy') ? 'Copied' : 'Selected';
        });
        text.before(button);
      });
      let opened = [];
      addEventListener('beforeprint', () => {
        opened = all('details:not([open])');
        opened.forEach((element) => { element.open = true; });
      });
      addEventListener('afterprint', () => opened.forEach((element) => { element.open = false; }));
      document.documentElement.dataset.script = 'ran';
    })();
    """
}
