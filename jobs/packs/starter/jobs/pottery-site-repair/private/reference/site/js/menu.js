// marks the page we are on
window.addEventListener("load", function () {
  var links = document.querySelectorAll(".nav a");
  for (var i = 0; i < links.length; i++) {
    if (links[i].href === window.location.href) { links[i].style.textDecoration = "underline"; }
  }
});
